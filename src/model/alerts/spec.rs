use std::time::Duration;

use super::{Quantity, Severity, Signal, Threshold};

/// One alert.
///
/// In its texts `{threshold}` stands for the level's threshold as people write it, in those of error
/// budgets `{window}`, `{long}` and `{short}` for the windows; `{{ … }}` is Prometheus's own template
/// language, which knows the labels of a series and not those that a rule adds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AlertSpec {
    /// What it looks at.
    pub signal: Signal,
    /// Its name, `alertname`.
    pub name: &'static str,
    /// Which side of the threshold is bad.
    pub comparison: Comparison,
    /// What the thresholds are.
    pub quantity: Quantity,
    /// The thresholds by default.
    pub levels: Levels,
    /// For how long it must be so before the alert fires: `for`.
    pub hold: Duration,
    /// Who is called unless `service.team` says otherwise.
    pub team: &'static str,
    /// The dashboard that shows it.
    pub dashboard: Dashboard,
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
pub struct Levels {
    /// Of `warning`.
    pub warning: Option<Threshold>,
    /// Of `high`.
    pub high: Option<Threshold>,
    /// Of `critical`.
    pub critical: Option<Threshold>,
}

/// Which side of a threshold is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Comparison {
    /// More than the threshold.
    Above,
    /// Less than the threshold.
    Below,
    /// Outside the band.
    Outside,
    /// A state that lasts: the threshold is for how long.
    Lasts,
}

/// A dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dashboard {
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

    /// The summary of a level.
    #[must_use]
    pub const fn summary_of(&self, severity: Severity) -> &'static str {
        match (severity, self.critical_summary) {
            (Severity::Critical, Some(summary)) => summary,
            _ => self.summary,
        }
    }
}

impl Levels {
    /// No level.
    pub(super) const NONE: Levels = Levels {
        warning: None,
        high: None,
        critical: None,
    };

    /// A warning alone.
    pub(super) const fn warning(threshold: Threshold) -> Levels {
        Levels {
            warning: Some(threshold),
            ..Levels::NONE
        }
    }

    /// With this one, too.
    pub(super) const fn and_high(self, threshold: Threshold) -> Levels {
        Levels {
            high: Some(threshold),
            ..self
        }
    }

    /// With this one, too.
    pub(super) const fn and_critical(self, threshold: Threshold) -> Levels {
        Levels {
            critical: Some(threshold),
            ..self
        }
    }

    /// In the order of [`Severity::ALL`].
    pub(super) const fn all(&self) -> [Option<Threshold>; 3] {
        [self.warning, self.high, self.critical]
    }
}

impl Dashboard {
    /// All of them.
    pub const ALL: [Dashboard; 6] = [
        Dashboard::Api,
        Dashboard::Workers,
        Dashboard::Scheduler,
        Dashboard::Database,
        Dashboard::Business,
        Dashboard::Slo,
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
