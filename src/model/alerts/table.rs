//! The table of alerts: a row for each, in the order of pages and rules.

use std::time::Duration;

use super::{
    AlertLevels, AlertThreshold, DashboardId, Severity, ThresholdComparison, ThresholdQuantity,
};

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
    /// The time since the oldest waiting job was due.
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
    /// The growth of a database within a day, as a share of its size then.
    DatabaseGrowth,
    /// A database that doesn't answer.
    DatabaseUnreachable,
    /// Posts published in 3 hours against the same hours of earlier weeks.
    PostsPublished,
    /// AI generations in 3 hours against the same hours of earlier weeks.
    AiGenerations,
    /// Revenue in 3 hours against the same hours of earlier weeks.
    Revenue,
    /// The burn rate of an objective's error budget. Its levels are those of `config.slo`.
    ErrorBudget,
    /// A service that was scraped and no longer is.
    ServiceAbsent,
    /// No worker that beats.
    WorkersAbsent,
    /// No scheduler that beats.
    SchedulersAbsent,
    /// No process that reports whether the database is up.
    DatabaseAbsent,
    /// No process that reports the depth of the queues.
    QueuesAbsent,
    /// An objective whose events are no longer counted.
    ObjectivesAbsent,
    /// A process that doesn't answer its scrape.
    TargetDown,
    /// An instance that is not ready.
    NotReady,
    /// The share of spans, log records and data points that their receiver did not take.
    ExportFailures,
    /// Scrapes that are incomplete.
    ScrapeIncomplete,
    /// An instrument at its limit of series.
    SeriesOverflow,
    /// The time that the oldest change waits to be made durable.
    StoreDelay,
    /// Nothing: it always fires, so that its silence tells that alerting is broken.
    Watchdog,
}

/// One alert.
///
/// In its texts `{threshold}` stands for the level's threshold as people write it, in those of error
/// budgets `{window}`, `{long}` and `{short}` for the windows; `{{ … }}` is Prometheus's own template
/// language, which knows the labels of a series and not those that a rule adds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AlertSpec {
    /// The signal.
    pub signal: AlertSignal,
    /// Its name in the configuration.
    pub key: &'static str,
    /// Its name, `alertname`.
    pub name: &'static str,
    /// Which side of the threshold is bad.
    pub comparison: ThresholdComparison,
    /// The quantity of the thresholds.
    pub quantity: ThresholdQuantity,
    /// The thresholds by default.
    pub levels: AlertLevels,
    /// The time for which the condition must hold before the alert fires: `for` in Prometheus.
    pub for_duration: Duration,
    /// The team that is called unless `service.team` says otherwise.
    pub team: &'static str,
    /// The dashboard that shows it.
    pub dashboard: DashboardId,
    /// The event, in half a line.
    pub summary: &'static str,
    /// The same of the critical level, where it has a name of its own.
    pub critical_summary: Option<&'static str>,
    /// The event with its value and the accepted value.
    pub description: &'static str,
    /// The effect on users of the platform, in one sentence.
    pub meaning: &'static str,
}

impl AlertSignal {
    /// Its name in the configuration, such as `api_error_ratio`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.spec().key
    }

    /// Its alert.
    #[must_use]
    pub const fn spec(self) -> &'static AlertSpec {
        ALL[self as usize]
    }
}

impl AlertSpec {
    /// Returns the name of its page in `runbooks/`, without `.md`: the alert's name in lower case with hyphens.
    #[must_use]
    pub fn runbook(&self) -> String {
        let mut slug = String::new();
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() && !slug.is_empty() {
                slug.push('-');
            }
            slug.push(letter.to_ascii_lowercase());
        }
        slug
    }

    /// Returns the summary of a severity.
    #[must_use]
    pub const fn summary_for(&self, severity: Severity) -> &'static str {
        match (severity, self.critical_summary) {
            (Severity::Critical, Some(summary)) => summary,
            _ => self.summary,
        }
    }
}

/// Every alert, in the order of pages and rules, which is that of the signals.
pub(crate) const ALL: &[&AlertSpec] = &[
    &AlertSpec {
        signal: AlertSignal::ApiErrorRatio,
        key: "api_error_ratio",
        name: "ApiErrorRatioHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(2))
            .with_high(AlertThreshold::percent(5))
            .with_critical(AlertThreshold::percent(10)),
        for_duration: Duration::from_secs(120),
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.job }} fails more than {threshold} of its requests",
        critical_summary: Some(
            "API down: {{ $labels.job }} fails more than {threshold} of its requests",
        ),
        description: "{{ $value | humanizePercentage }} of the requests that {{ $labels.job }} answered in the last 5 minutes ended in a server error, a panic or a timeout; at most {threshold} may.",
        meaning: "Some of those who use the platform see errors instead of answers.",
    },
    &AlertSpec {
        signal: AlertSignal::ApiLatency,
        key: "api_latency",
        name: "ApiLatencyHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(1))
            .with_high(AlertThreshold::seconds(2)),
        for_duration: Duration::from_secs(120),
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.job }} answers slowly: its 95th percentile is above {threshold}",
        critical_summary: None,
        description: "One request in twenty to {{ $labels.job }} took longer than {{ $value | humanizeDuration }} in the last 5 minutes; the limit is {threshold}.",
        meaning: "Pages load noticeably slowly, and clients begin to give up and to retry.",
    },
    &AlertSpec {
        signal: AlertSignal::MemoryUsage,
        key: "memory_usage",
        name: "MemoryUsageHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(80))
            .with_critical(AlertThreshold::percent(90)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.job }} on {{ $labels.instance }} uses more than {threshold} of its memory limit",
        critical_summary: None,
        description: "{{ $labels.instance }} of {{ $labels.job }} uses {{ $value | humanizePercentage }} of the memory that it may use; the limit of this alert is {threshold}.",
        meaning: "At 100% the kernel kills the process in the middle of what it does.",
    },
    &AlertSpec {
        signal: AlertSignal::CpuUsage,
        key: "cpu_usage",
        name: "CpuUsageHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(80)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.job }} on {{ $labels.instance }} uses more than {threshold} of its processors",
        critical_summary: None,
        description: "{{ $labels.instance }} of {{ $labels.job }} used {{ $value | humanizePercentage }} of the processor time that it may use in the last 10 minutes; the limit of this alert is {threshold}.",
        meaning: "There is no room for a peak: requests and jobs begin to wait for a processor.",
    },
    &AlertSpec {
        signal: AlertSignal::DiskFree,
        key: "disk_free",
        name: "DiskSpaceLow",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::percent(10)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "Less than {threshold} of {{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} is free",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of {{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) is free; it must be {threshold} at least.",
        meaning: "When it is full nothing more can be written: stores, logs and the database stop.",
    },
    &AlertSpec {
        signal: AlertSignal::DiskFullIn,
        key: "disk_full_in",
        name: "DiskFullSoon",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(604800)),
        for_duration: Duration::from_secs(3600),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} is full in less than {threshold} at this pace",
        critical_summary: None,
        description: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) is full in {{ $value | humanizeDuration }} if it goes on filling as in the last 6 hours; the limit is {threshold}.",
        meaning: "There is time to make room before anything breaks, but not much.",
    },
    &AlertSpec {
        signal: AlertSignal::WorkerOffline,
        key: "worker_offline",
        name: "WorkerOffline",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "Worker {{ $labels.worker_id }} has not been heard of for more than {threshold}",
        critical_summary: None,
        description: "The last beat of worker {{ $labels.worker_id }} came {{ $value | humanizeDuration }} ago, and it did not say goodbye; after {threshold} it counts as offline.",
        meaning: "The jobs that it ran are lost or late, and the others have to do its work.",
    },
    &AlertSpec {
        signal: AlertSignal::WorkersOffline,
        key: "workers_offline",
        name: "WorkersOffline",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::percent(1)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "More than {threshold} of the workers are offline",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of more than 1000 workers are offline and did not say goodbye; at most {threshold} may be. There are too many to name each.",
        meaning: "The jobs that they ran are lost or late, and the others have to do their work.",
    },
    &AlertSpec {
        signal: AlertSignal::QueueDepth,
        key: "queue_depth",
        name: "QueueDepthHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Count,
        levels: AlertLevels::warning(AlertThreshold::Count(500))
            .with_high(AlertThreshold::Count(1000)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "More than {threshold} jobs wait in queue {{ $labels.queue }}",
        critical_summary: None,
        description: "{{ $value | humanize }} jobs wait in queue {{ $labels.queue }}; at most {threshold} should.",
        meaning: "Jobs come in faster than they are done, so that everything in this queue is late.",
    },
    &AlertSpec {
        signal: AlertSignal::JobFailureRatio,
        key: "job_failure_ratio",
        name: "JobFailureRatioHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(10)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "More than {threshold} of the jobs of {{ $labels.job }} fail",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of the jobs that {{ $labels.job }} ended in the last 15 minutes failed, panicked or were given up; at most {threshold} may.",
        meaning: "Work that people asked for is not done.",
    },
    &AlertSpec {
        signal: AlertSignal::OldestJobAge,
        key: "oldest_job_age",
        name: "OldestJobWaiting",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(300)),
        for_duration: Duration::from_secs(60),
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "A job in queue {{ $labels.queue }} has been due for more than {threshold}",
        critical_summary: None,
        description: "The oldest job in queue {{ $labels.queue }} has been due for {{ $value | humanizeDuration }}; none should wait longer than {threshold}.",
        meaning: "Something is published or delivered later than it was promised, even if the queue is short.",
    },
    &AlertSpec {
        signal: AlertSignal::ExecutionLag,
        key: "execution_lag",
        name: "ExecutionLagHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::NONE.with_high(AlertThreshold::seconds(300)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Scheduler,
        summary: "Executions of {{ $labels.job }} start more than {threshold} late",
        critical_summary: None,
        description: "One execution in twenty of {{ $labels.job }} started more than {{ $value | humanizeDuration }} late in the last 15 minutes; the limit is {threshold}.",
        meaning: "What is planned for a certain time happens noticeably later.",
    },
    &AlertSpec {
        signal: AlertSignal::SchedulerSuccessRatio,
        key: "scheduler_success_ratio",
        name: "SchedulerSuccessRatioLow",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::NONE.with_high(AlertThreshold::percent(90)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Scheduler,
        summary: "Less than {threshold} of the executions of {{ $labels.job }} succeed",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of the executions that {{ $labels.job }} ended in the last hour succeeded; it must be {threshold} at least.",
        meaning: "Planned work is not done, and nobody sees it by looking at requests.",
    },
    &AlertSpec {
        signal: AlertSignal::SchedulerOffline,
        key: "scheduler_offline",
        name: "SchedulerOffline",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Scheduler,
        summary: "Scheduler {{ $labels.scheduler_id }} has not been heard of for more than {threshold}",
        critical_summary: None,
        description: "The last beat of scheduler {{ $labels.scheduler_id }} came {{ $value | humanizeDuration }} ago, and it did not say goodbye; after {threshold} it counts as offline.",
        meaning: "Nothing is scheduled any more unless another scheduler runs.",
    },
    &AlertSpec {
        signal: AlertSignal::PoolUsage,
        key: "pool_usage",
        name: "PoolUsageHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(80)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "Pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} is used to more than {threshold}",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of the connections of pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} are in use; the limit of this alert is {threshold}.",
        meaning: "At 100% every further request waits for a connection, and some time out.",
    },
    &AlertSpec {
        signal: AlertSignal::SlowQueryShare,
        key: "slow_query_share",
        name: "SlowQueryShareHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(1)),
        for_duration: Duration::from_secs(300),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "More than {threshold} of the database calls of {{ $labels.job }} take longer than a second",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of the database calls of {{ $labels.job }} took longer than a second in the last 10 minutes; at most {threshold} may.",
        meaning: "Requests and jobs wait for the database, and hold its connections meanwhile.",
    },
    &AlertSpec {
        signal: AlertSignal::DatabaseGrowth,
        key: "database_growth",
        name: "DatabaseGrowthHigh",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Multiple,
        levels: AlertLevels::warning(AlertThreshold::percent(20)),
        for_duration: Duration::from_secs(900),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "Database {{ $labels.db_namespace }} has grown by more than {threshold} in a day",
        critical_summary: None,
        description: "Database {{ $labels.db_namespace }} has grown by {{ $value | humanizePercentage }} in the last 24 hours; up to {threshold} is usual.",
        meaning: "Something writes more than it should, or no longer cleans up; queries and backups get slower, and the disk fills.",
    },
    &AlertSpec {
        signal: AlertSignal::DatabaseUnreachable,
        key: "database_unreachable",
        name: "DatabaseUnreachable",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(60)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "{{ $labels.job }} cannot reach database {{ $labels.db_namespace }}",
        critical_summary: None,
        description: "No instance of {{ $labels.job }} has had an answer of database {{ $labels.db_namespace }} ({{ $labels.db_system_name }}) for {threshold}.",
        meaning: "Whatever reads or writes data fails.",
    },
    &AlertSpec {
        signal: AlertSignal::PostsPublished,
        key: "posts_published",
        name: "PostsPublishedDrop",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Multiple,
        levels: AlertLevels::warning(AlertThreshold::percent(50)),
        for_duration: Duration::from_secs(900),
        team: "product",
        dashboard: DashboardId::Business,
        summary: "Fewer than {threshold} of the usual number of posts are published",
        critical_summary: None,
        description: "In the last 3 hours {{ $value | humanizePercentage }} of the posts were published that are usual at this time of the week (the median of three weeks); below {threshold} something is wrong.",
        meaning: "Publishing is broken for some or for all, or people stay away.",
    },
    &AlertSpec {
        signal: AlertSignal::AiGenerations,
        key: "ai_generations",
        name: "AiGenerationsSpike",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Multiple,
        levels: AlertLevels::warning(AlertThreshold::percent(200)),
        for_duration: Duration::from_secs(900),
        team: "product",
        dashboard: DashboardId::Business,
        summary: "More than {threshold} of the usual number of AI generations are made",
        critical_summary: None,
        description: "In the last 3 hours {{ $value | humanizePercentage }} of the AI generations were made that are usual at this time of the week (the median of three weeks); above {threshold} something is wrong.",
        meaning: "Every generation costs money: a loop, an abuse or a success is going on.",
    },
    &AlertSpec {
        signal: AlertSignal::Revenue,
        key: "revenue",
        name: "RevenueAnomaly",
        comparison: ThresholdComparison::Outside,
        quantity: ThresholdQuantity::Band,
        levels: AlertLevels::warning(AlertThreshold::band(50, 200)),
        for_duration: Duration::from_secs(900),
        team: "product",
        dashboard: DashboardId::Business,
        summary: "Revenue in {{ $labels.currency }} is outside {threshold} of what is usual",
        critical_summary: None,
        description: "In the last 3 hours {{ $value | humanizePercentage }} of the revenue in {{ $labels.currency }} was made that is usual at this time of the week (the median of three weeks); {threshold} is usual.",
        meaning: "Payments fail, or are taken twice.",
    },
    &AlertSpec {
        signal: AlertSignal::ErrorBudget,
        key: "error_budget",
        name: "ErrorBudgetBurn",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::None,
        levels: AlertLevels::NONE,
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Slo,
        summary: "The error budget of {{ $labels.objective }}{{ with $labels.job }} of {{ . }}{{ end }}{{ with $labels.environment }} in {{ . }}{{ end }} burns more than {threshold} times too fast",
        critical_summary: None,
        description: "In the last {long} the error budget of {{ $labels.objective }}{{ with $labels.job }} of {{ . }}{{ end }}{{ with $labels.environment }} in {{ . }}{{ end }} burned {{ $value | humanize }} times as fast as it may to last for {window}; the limit is {threshold} times, in {long} and in {short} both.",
        meaning: "If it goes on, what was promised to those who use the platform will not be kept.",
    },
    &AlertSpec {
        signal: AlertSignal::ServiceAbsent,
        key: "service_absent",
        name: "ServiceAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "No instance of {{ $labels.job }} is scraped any more",
        critical_summary: None,
        description: "{{ $labels.job }} was scraped within the last day, and for {threshold} no instance of it has been. Alerts about it are silent meanwhile.",
        meaning: "The service is down, or Prometheus no longer finds it: nothing can be said of it.",
    },
    &AlertSpec {
        signal: AlertSignal::WorkersAbsent,
        key: "workers_absent",
        name: "WorkersAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "No worker beats",
        critical_summary: None,
        description: "For {threshold} nobody has reported a beat of any worker. Alerts about single workers are silent meanwhile.",
        meaning: "No job is done, or nobody would notice.",
    },
    &AlertSpec {
        signal: AlertSignal::SchedulersAbsent,
        key: "schedulers_absent",
        name: "SchedulersAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Scheduler,
        summary: "No scheduler beats",
        critical_summary: None,
        description: "For {threshold} nobody has reported a beat of any scheduler. Alerts about single schedulers are silent meanwhile.",
        meaning: "Nothing is scheduled, or nobody would notice.",
    },
    &AlertSpec {
        signal: AlertSignal::DatabaseAbsent,
        key: "database_absent",
        name: "DatabaseAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "{{ $labels.job }} no longer says whether database {{ $labels.db_namespace }} answers",
        critical_summary: None,
        description: "{{ $labels.job }} said within the last day whether database {{ $labels.db_namespace }} answers, and has not for {threshold}. Alerts about it are silent meanwhile.",
        meaning: "Whether data can be read and written is not known.",
    },
    &AlertSpec {
        signal: AlertSignal::QueuesAbsent,
        key: "queues_absent",
        name: "QueuesAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "Nobody says any more how many jobs wait in queue {{ $labels.queue }}",
        critical_summary: None,
        description: "The depth of queue {{ $labels.queue }} was reported within the last day, and has not been for {threshold}. Alerts about it are silent meanwhile.",
        meaning: "Jobs may pile up without anybody noticing.",
    },
    &AlertSpec {
        signal: AlertSignal::ObjectivesAbsent,
        key: "objectives_absent",
        name: "ObjectivesAbsent",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Slo,
        summary: "Events of {{ $labels.objective }} are no longer counted",
        critical_summary: None,
        description: "Events of {{ $labels.objective }} were counted within the last day, and have not been for {threshold}. Its error budget does not burn visibly meanwhile.",
        meaning: "Whether what was promised is kept is not known.",
    },
    &AlertSpec {
        signal: AlertSignal::TargetDown,
        key: "target_down",
        name: "TargetDown",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.instance }} of {{ $labels.job }} is not scraped",
        critical_summary: None,
        description: "Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for {threshold}.",
        meaning: "The instance is down or cut off; what it does is not known.",
    },
    &AlertSpec {
        signal: AlertSignal::NotReady,
        key: "not_ready",
        name: "InstanceNotReady",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.instance }} of {{ $labels.job }} is not ready",
        critical_summary: None,
        description: "{{ $labels.instance }} of {{ $labels.job }} has not been ready for {threshold}: load balancers send it nothing.",
        meaning: "The others carry its share of the load.",
    },
    &AlertSpec {
        signal: AlertSignal::ExportFailures,
        key: "export_failures",
        name: "TelemetryExportFailing",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Share,
        levels: AlertLevels::warning(AlertThreshold::percent(10)),
        for_duration: Duration::from_secs(600),
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "More than {threshold} of the {{ $labels.telemetry }} of {{ $labels.job }} are lost",
        critical_summary: None,
        description: "{{ $value | humanizePercentage }} of the {{ $labels.telemetry }} that {{ $labels.job }} had to push in the last 15 minutes were dropped or not taken; at most {threshold} may be.",
        meaning: "Traces and logs of the next incident will be missing.",
    },
    &AlertSpec {
        signal: AlertSignal::ScrapeIncomplete,
        key: "scrape_incomplete",
        name: "ScrapeIncomplete",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} leave something out",
        critical_summary: None,
        description: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} have been incomplete for {threshold}: {{ $value | humanize }} parts were left out in the last 5 minutes.",
        meaning: "Panels and alerts that need the missing series say nothing.",
    },
    &AlertSpec {
        signal: AlertSignal::SeriesOverflow,
        key: "series_overflow",
        name: "SeriesOverflow",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(900)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "Instrument {{ $labels.instrument }} of {{ $labels.job }} has too many series",
        critical_summary: None,
        description: "Instrument {{ $labels.instrument }} of {{ $labels.job }} has held as many series as it may for {threshold}: {{ $value | humanize }} measurements in the last 15 minutes lost their labels.",
        meaning: "Sums stay right, but the newest routes, kinds or tables are not told apart.",
    },
    &AlertSpec {
        signal: AlertSignal::StoreDelay,
        key: "store_delay",
        name: "StoreDelayed",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(60)),
        for_duration: Duration::from_secs(120),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "{{ $labels.instance }} of {{ $labels.job }} has not stored anything for more than {threshold}",
        critical_summary: None,
        description: "The oldest change of {{ $labels.instance }} of {{ $labels.job }} has waited {{ $value | humanizeDuration }} to be made durable; the limit is {threshold}.",
        meaning: "Beats, incidents and slices of this time are lost if the process ends now.",
    },
    &AlertSpec {
        signal: AlertSignal::Watchdog,
        key: "watchdog",
        name: "Watchdog",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::None,
        levels: AlertLevels::NONE,
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Slo,
        summary: "Alerting works",
        critical_summary: None,
        description: "This alert always fires. Let something outside page when it stops arriving.",
        meaning: "While it arrives, Prometheus evaluates rules and Alertmanager delivers.",
    },
];

// The row of each signal is found by its number.
const _: () = {
    let mut index = 0;
    while index < ALL.len() {
        assert!(ALL[index].signal as usize == index, "a row out of order");
        index += 1;
    }
    assert!(
        ALL.len() == AlertSignal::Watchdog as usize + 1,
        "a signal without a row"
    );
};
