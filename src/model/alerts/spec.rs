use std::time::Duration;

use super::{AlertSignal, AlertThreshold, Severity, ThresholdQuantity};

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
    /// Who is called unless `service.team` says otherwise.
    pub team: &'static str,
    /// The dashboard that shows it.
    pub dashboard: DashboardId,
    /// What happens, in half a line.
    pub summary: &'static str,
    /// The same of the critical level, where it has a name of its own.
    pub critical_summary: Option<&'static str>,
    /// What is so, with its value and what is allowed.
    pub description: &'static str,
    /// What it means for those who use the platform; one sentence.
    pub meaning: &'static str,
}

/// The thresholds of an alert, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertLevels {
    /// Of `warning`.
    pub warning: Option<AlertThreshold>,
    /// Of `high`.
    pub high: Option<AlertThreshold>,
    /// Of `critical`.
    pub critical: Option<AlertThreshold>,
}

/// The comparison with a threshold: which side is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThresholdComparison {
    /// More than the threshold.
    Above,
    /// Less than the threshold.
    Below,
    /// Outside the band.
    Outside,
    /// A state that persists: the threshold is its duration.
    Sustained,
}

/// The id of a dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DashboardId {
    /// Requests, and the processes that answer them.
    Api,
    /// Jobs, queues and workers.
    Workers,
    /// Schedules and their executions.
    Scheduler,
    /// Pools, queries and the server.
    Database,
    /// What the platform is for.
    Business,
    /// Objectives and their error budgets.
    Slo,
}

impl AlertSpec {
    /// The name of its page in `runbooks/`, without `.md`: the alert's name in lower case with hyphens.
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

impl AlertLevels {
    /// No level.
    pub(super) const NONE: AlertLevels = AlertLevels {
        warning: None,
        high: None,
        critical: None,
    };

    /// A warning alone.
    pub(super) const fn warning(threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            warning: Some(threshold),
            ..AlertLevels::NONE
        }
    }

    /// Returns the levels with this threshold for `high`.
    pub(super) const fn with_high(self, threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            high: Some(threshold),
            ..self
        }
    }

    /// Returns the levels with this threshold for `critical`.
    pub(super) const fn with_critical(self, threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            critical: Some(threshold),
            ..self
        }
    }

    /// Returns the thresholds in the order of [`Severity::ALL`].
    pub(super) const fn all(&self) -> [Option<AlertThreshold>; 3] {
        [self.warning, self.high, self.critical]
    }
}

impl DashboardId {
    /// All of them.
    pub const ALL: [DashboardId; 6] = [
        DashboardId::Api,
        DashboardId::Workers,
        DashboardId::Scheduler,
        DashboardId::Database,
        DashboardId::Business,
        DashboardId::Slo,
    ];

    /// Its uid, which is also the name of its file: `/d/api-performance`.
    #[must_use]
    pub const fn uid(self) -> &'static str {
        match self {
            Self::Api => "api-performance",
            Self::Workers => "worker-health",
            Self::Scheduler => "scheduler-performance",
            Self::Database => "database-performance",
            Self::Business => "business-metrics",
            Self::Slo => "slo-overview",
        }
    }
}
