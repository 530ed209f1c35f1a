//! The table of alerts: a row for each, in the order of pages and rules.
//!
//! Signals and rows are tied together at compile time: [`AlertSignal::spec`] indexes the table by
//! the number of the signal, and the assertion at the end of this file refuses a table that is out
//! of order or lacks a row.
//!
//! The texts are templates of Prometheus (`{{ $labels.job }}`), filled in when an alert fires,
//! after the generator has put this crate's own placeholders (`{threshold}`) in.

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
    /// Beyond that number no worker has series of its own, so that
    /// [`WorkerOffline`](Self::WorkerOffline) has nothing to look at.
    WorkersOffline,
    /// Jobs that are waiting in a queue.
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
    /// A thread of the telemetry that is down.
    ThreadDown,
    /// An instrument at its limit of series.
    SeriesOverflow,
    /// The time that the oldest change waits to be made durable.
    StoreDelay,
    /// Nothing: it always fires, so that its silence tells that alerting is broken.
    /// See [the pattern](https://runbooks.prometheus-operator.dev/runbooks/general/watchdog/).
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
    /// Zero where the condition itself contains the time, as an age does: waiting twice would delay
    /// the alert.
    pub for_duration: Duration,
    /// The team of the platform whose figures `business` generates, which is called unless `service.team` says
    /// otherwise. Without `business` an alert has the team of the configuration, or none.
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
    ///
    /// The text is built from ASCII names: a capital letter that is not the first starts a new
    /// word, so that `ApiErrorRatioHigh` becomes `api-error-ratio-high`.
    #[must_use]
    pub fn runbook(&self) -> String {
        Self::runbook_name(self.name)
    }

    /// Returns the name of an alert's page: `ApiErrorRatioHigh` becomes `api-error-ratio-high`.
    pub(crate) fn runbook_name(alert: &str) -> String {
        let mut slug = String::new();
        for letter in alert.chars() {
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
    // `for` is short although the ratio is already over 5 minutes: it keeps one bad scrape from
    // paging, and an API that is down still pages within a few minutes.
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
        description: "{{ $value | humanizePercentage }} of the requests that {{ $labels.job }} answered in the last 5 minutes ended in a server error, a panic or a timeout; the limit is {threshold}.",
        meaning: "Some users see errors instead of answers.",
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
        meaning: "At 100% the kernel kills the process in the middle of its work.",
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
        description: "{{ $value | humanizePercentage }} of {{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) is free; at least {threshold} must be.",
        meaning: "When the disk is full, nothing more can be written: stores, logs and the database stop.",
    },
    &AlertSpec {
        // A threshold of a week, held for an hour: a burst of writes (a backup, a migration)
        // extrapolates to "full soon" and is over before.
        signal: AlertSignal::DiskFullIn,
        key: "disk_full_in",
        name: "DiskFullSoon",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(604800)),
        for_duration: Duration::from_secs(3600),
        team: "platform",
        dashboard: DashboardId::Database,
        summary: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} will be full in less than {threshold} at the current rate",
        critical_summary: None,
        description: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) will be full in {{ $value | humanizeDuration }} if it keeps filling as in the last 6 hours; the limit is {threshold}.",
        meaning: "There is time to make room before anything breaks, but not much.",
    },
    &AlertSpec {
        // No `for`: the threshold is the time since the last beat, so that the waiting is part of
        // the value.
        signal: AlertSignal::WorkerOffline,
        key: "worker_offline",
        name: "WorkerOffline",
        comparison: ThresholdComparison::Above,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Workers,
        summary: "Worker {{ $labels.worker_id }} has sent no heartbeat for more than {threshold}",
        critical_summary: None,
        description: "The last heartbeat of worker {{ $labels.worker_id }} arrived {{ $value | humanizeDuration }} ago, and the worker did not sign off; after {threshold} it counts as offline.",
        meaning: "The jobs that it was running are lost or late, and the other workers have to take over its work.",
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
        description: "{{ $value | humanizePercentage }} of more than 1000 workers are offline and did not sign off; the limit is {threshold}. There are too many workers to name each one.",
        meaning: "The jobs that they were running are lost or late, and the other workers have to take over their work.",
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
        summary: "More than {threshold} jobs are waiting in queue {{ $labels.queue }}",
        critical_summary: None,
        description: "{{ $value | humanize }} jobs are waiting in queue {{ $labels.queue }}; the limit is {threshold}.",
        meaning: "Jobs arrive faster than they are processed, so everything in this queue is late.",
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
        description: "{{ $value | humanizePercentage }} of the jobs that {{ $labels.job }} finished in the last 15 minutes failed, panicked or were abandoned; the limit is {threshold}.",
        meaning: "Work that users asked for is not being done.",
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
        description: "The oldest job in queue {{ $labels.queue }} has been due for {{ $value | humanizeDuration }}; no job should wait longer than {threshold}.",
        meaning: "Something is published or delivered later than promised, even if the queue is short.",
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
        meaning: "Scheduled work happens noticeably later than planned.",
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
        description: "{{ $value | humanizePercentage }} of the executions that {{ $labels.job }} finished in the last hour succeeded; at least {threshold} must.",
        meaning: "Scheduled work is not being done, and the request metrics do not show it.",
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
        summary: "Scheduler {{ $labels.scheduler_id }} has sent no heartbeat for more than {threshold}",
        critical_summary: None,
        description: "The last heartbeat of scheduler {{ $labels.scheduler_id }} arrived {{ $value | humanizeDuration }} ago, and the scheduler did not sign off; after {threshold} it counts as offline.",
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
        summary: "Pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} is more than {threshold} in use",
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
        description: "{{ $value | humanizePercentage }} of the database calls of {{ $labels.job }} took longer than a second in the last 10 minutes; the limit is {threshold}.",
        meaning: "Requests and jobs wait for the database and hold its connections in the meantime.",
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
        meaning: "Something writes more than it should or no longer cleans up; queries and backups get slower, and the disk fills.",
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
        description: "No instance of {{ $labels.job }} has had an answer from database {{ $labels.db_namespace }} ({{ $labels.db_system_name }}) for {threshold}.",
        meaning: "Everything that reads or writes data fails.",
    },
    &AlertSpec {
        // A quarter of an hour of `for`: the comparison is with whole hours of earlier weeks, and
        // the first minutes after an hour's change are noisy.
        signal: AlertSignal::PostsPublished,
        key: "posts_published",
        name: "PostsPublishedDrop",
        comparison: ThresholdComparison::Below,
        quantity: ThresholdQuantity::Multiple,
        levels: AlertLevels::warning(AlertThreshold::percent(50)),
        for_duration: Duration::from_secs(900),
        team: "product",
        dashboard: DashboardId::Business,
        summary: "Fewer than {threshold} of the usual number of posts are being published",
        critical_summary: None,
        description: "In the last 3 hours, {{ $value | humanizePercentage }} of the posts that are usual at this time of the week (the median of three weeks) were published; below {threshold} something is wrong.",
        meaning: "Publishing is broken for some or all users, or users have stopped publishing.",
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
        summary: "More than {threshold} of the usual number of AI generations are being made",
        critical_summary: None,
        description: "In the last 3 hours, {{ $value | humanizePercentage }} of the AI generations that are usual at this time of the week (the median of three weeks) were made; above {threshold} something is wrong.",
        meaning: "Every generation costs money, and something causes many more of them: a loop, abuse, or success.",
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
        description: "In the last 3 hours, revenue in {{ $labels.currency }} was {{ $value | humanizePercentage }} of what is usual at this time of the week (the median of three weeks); the usual range is {threshold}.",
        meaning: "Payments fail, or customers are charged twice.",
    },
    &AlertSpec {
        // No levels: factors and windows are those of `config.slo.burn_rate`, which the process and
        // the rules share. A second set of numbers here could only contradict them.
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
        description: "In the last {long} the error budget of {{ $labels.objective }}{{ with $labels.job }} of {{ . }}{{ end }}{{ with $labels.environment }} in {{ . }}{{ end }} burned {{ $value | humanize }} times as fast as it may if it is to last for {window}; the limit is {threshold} times, over both {long} and {short}.",
        meaning: "If this continues, the objective that was promised to users will be missed.",
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
        summary: "No instance of {{ $labels.job }} is being scraped",
        critical_summary: None,
        description: "{{ $labels.job }} was scraped within the last day, but no instance of it has been for {threshold}. Alerts about it are silent in the meantime.",
        meaning: "The service is down, or Prometheus no longer finds it: its state is unknown.",
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
        summary: "No heartbeats of workers arrive",
        critical_summary: None,
        description: "No heartbeat of any worker has been reported for {threshold}. Alerts about single workers are silent in the meantime.",
        meaning: "No jobs are processed, or a failure of the workers would go unnoticed.",
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
        summary: "No heartbeats of schedulers arrive",
        critical_summary: None,
        description: "No heartbeat of any scheduler has been reported for {threshold}. Alerts about single schedulers are silent in the meantime.",
        meaning: "Nothing is scheduled, or a failure of the schedulers would go unnoticed.",
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
        summary: "{{ $labels.job }} no longer reports whether database {{ $labels.db_namespace }} answers",
        critical_summary: None,
        description: "{{ $labels.job }} reported within the last day whether database {{ $labels.db_namespace }} answers, but has not done so for {threshold}. Alerts about the database are silent in the meantime.",
        meaning: "It is unknown whether data can be read and written.",
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
        summary: "The depth of queue {{ $labels.queue }} is no longer reported",
        critical_summary: None,
        description: "The depth of queue {{ $labels.queue }} was reported within the last day, but has not been for {threshold}. Alerts about the queue are silent in the meantime.",
        meaning: "Jobs may pile up unnoticed.",
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
        summary: "{{ $labels.job }} no longer counts events of {{ $labels.objective }}",
        critical_summary: None,
        description: "{{ $labels.job }} counted events of {{ $labels.objective }} within the last day, but has not done so for {threshold}. In the meantime its error budget does not show what it spends.",
        meaning: "It is unknown whether the objective is met.",
    },
    &AlertSpec {
        // Longer than a restart and a missed scrape or two; an instance that comes back within 5
        // minutes needs no person.
        signal: AlertSignal::TargetDown,
        key: "target_down",
        name: "TargetDown",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(300)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Api,
        summary: "{{ $labels.instance }} of {{ $labels.job }} cannot be scraped",
        critical_summary: None,
        description: "Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for {threshold}.",
        meaning: "The instance is down or cut off; its state is unknown.",
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
        description: "{{ $labels.instance }} of {{ $labels.job }} has not been ready for {threshold}: load balancers send it no requests.",
        meaning: "The other instances carry its share of the load.",
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
        description: "{{ $value | humanizePercentage }} of the {{ $labels.telemetry }} that {{ $labels.job }} had to push in the last 15 minutes were dropped or not accepted; the limit is {threshold}.",
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
        summary: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} are incomplete",
        critical_summary: None,
        description: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} have been incomplete for {threshold}: {{ $value | humanize }} parts were left out in the last 5 minutes.",
        meaning: "Panels and alerts that need the missing series show nothing and stay silent.",
    },
    &AlertSpec {
        signal: AlertSignal::ThreadDown,
        key: "telemetry_thread_down",
        name: "TelemetryThreadDown",
        comparison: ThresholdComparison::Sustained,
        quantity: ThresholdQuantity::Time,
        levels: AlertLevels::warning(AlertThreshold::seconds(600)),
        for_duration: Duration::ZERO,
        team: "platform",
        dashboard: DashboardId::Slo,
        summary: "Thread {{ $labels.thread }} of the telemetry of {{ $labels.instance }} of {{ $labels.job }} is down",
        critical_summary: None,
        description: "The thread {{ $labels.thread }} of the telemetry of {{ $labels.instance }} of {{ $labels.job }} has been down for {threshold}: it panics in each round, or the system refuses it.",
        meaning: "What that thread does is not done: figures, checks, heartbeats or exports of the instance are old or missing.",
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
        description: "Instrument {{ $labels.instrument }} of {{ $labels.job }} has been at its limit of series for {threshold}: {{ $value | humanize }} measurements in the last 15 minutes lost their labels.",
        meaning: "Totals stay correct, but the newest routes, kinds or tables cannot be told apart.",
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
        meaning: "Heartbeats, incidents and time slices of this period are lost if the process ends now.",
    },
    &AlertSpec {
        // No thresholds: this alert must not be switched off by accident, and its only "value" is
        // that it arrives.
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
        description: "This alert always fires. Configure something outside to page when it stops arriving.",
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
