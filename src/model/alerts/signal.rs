/// The signal of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AlertSignal {
    /// The share of requests that the API itself failed, over 5 minutes.
    ApiErrorRatio,
    /// The 95th percentile of the time to answer, over 5 minutes.
    ApiLatency,
    /// Resident memory as a share of the limit that applies.
    MemoryUsage,
    /// Processor time as a share of the limit that applies.
    CpuUsage,
    /// Free space of a file system as a share of it.
    DiskFree,
    /// In what time a file system is full if it goes on filling as in the last 6 hours.
    DiskFullIn,
    /// The time since a worker's last beat.
    WorkerOffline,
    /// The share of workers that are offline, of more than a thousand.
    WorkersOffline,
    /// Jobs that wait in a queue.
    QueueDepth,
    /// The share of jobs that did not succeed, over 15 minutes.
    JobFailureRatio,
    /// How long the oldest waiting job has been due.
    OldestJobAge,
    /// The 95th percentile of the delay of scheduled executions, over 15 minutes.
    ExecutionLag,
    /// The share of scheduled executions that succeeded, over an hour.
    SchedulerSuccessRatio,
    /// The time since a scheduler's last beat.
    SchedulerOffline,
    /// Connections in use as a share of the pool's maximum.
    PoolUsage,
    /// The share of database calls that took longer than a second, over 10 minutes.
    SlowQueryShare,
    /// How much a database has grown within a day, as a share of its size then.
    DatabaseGrowth,
    /// Whether the database answers.
    DatabaseUnreachable,
    /// Posts published in 3 hours against the same hours of earlier weeks.
    PostsPublished,
    /// AI generations in 3 hours against the same hours of earlier weeks.
    AiGenerations,
    /// Revenue in 3 hours against the same hours of earlier weeks.
    Revenue,
    /// How fast an objective's error budget burns. Its levels are those of `config.slo`.
    ErrorBudget,
    /// Whether a service that was scraped still is.
    ServiceAbsent,
    /// Whether any worker beats.
    WorkersAbsent,
    /// Whether any scheduler beats.
    SchedulersAbsent,
    /// Whether anybody says that the database is up or down.
    DatabaseAbsent,
    /// Whether anybody says how deep the queues are.
    QueuesAbsent,
    /// Whether events of an objective are still counted.
    ObjectivesAbsent,
    /// Whether a process that Prometheus knows of answers its scrape.
    TargetDown,
    /// Whether an instance may be sent requests.
    NotReady,
    /// The share of spans, log records and data points that their receiver did not take.
    ExportFailures,
    /// Whether scrapes are complete.
    ScrapeIncomplete,
    /// Whether an instrument holds as many series as it may.
    SeriesOverflow,
    /// How long the oldest change waits to be made durable.
    StoreDelay,
    /// Nothing: it always fires, so that its silence tells that alerting is broken.
    Watchdog,
}

impl AlertSignal {
    /// Its name in the configuration, such as `api_error_ratio`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ApiErrorRatio => "api_error_ratio",
            Self::ApiLatency => "api_latency",
            Self::MemoryUsage => "memory_usage",
            Self::CpuUsage => "cpu_usage",
            Self::DiskFree => "disk_free",
            Self::DiskFullIn => "disk_full_in",
            Self::WorkerOffline => "worker_offline",
            Self::WorkersOffline => "workers_offline",
            Self::QueueDepth => "queue_depth",
            Self::JobFailureRatio => "job_failure_ratio",
            Self::OldestJobAge => "oldest_job_age",
            Self::ExecutionLag => "execution_lag",
            Self::SchedulerSuccessRatio => "scheduler_success_ratio",
            Self::SchedulerOffline => "scheduler_offline",
            Self::PoolUsage => "pool_usage",
            Self::SlowQueryShare => "slow_query_share",
            Self::DatabaseGrowth => "database_growth",
            Self::DatabaseUnreachable => "database_unreachable",
            Self::PostsPublished => "posts_published",
            Self::AiGenerations => "ai_generations",
            Self::Revenue => "revenue",
            Self::ErrorBudget => "error_budget",
            Self::ServiceAbsent => "service_absent",
            Self::WorkersAbsent => "workers_absent",
            Self::SchedulersAbsent => "schedulers_absent",
            Self::DatabaseAbsent => "database_absent",
            Self::QueuesAbsent => "queues_absent",
            Self::ObjectivesAbsent => "objectives_absent",
            Self::TargetDown => "target_down",
            Self::NotReady => "not_ready",
            Self::ExportFailures => "export_failures",
            Self::ScrapeIncomplete => "scrape_incomplete",
            Self::SeriesOverflow => "series_overflow",
            Self::StoreDelay => "store_delay",
            Self::Watchdog => "watchdog",
        }
    }
}
