//! Checks that need no code of one's own.

mod health_json;

mod disk;
mod event_loop;
pub(crate) mod http;
mod last_tick;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod store;
mod tcp;
mod threads;

pub use event_loop::LagLimits;

pub(super) use disk::check_disk;
pub(super) use event_loop::event_loop_check;
pub(super) use http::check_http;
pub(super) use last_tick::LastTick;
pub(super) use memory::check_memory;
#[cfg(feature = "postgres")]
pub(super) use postgres::PostgresProbe;
pub(super) use store::check_store;
pub(super) use tcp::check_tcp;
pub(super) use threads::check_threads;

use std::sync::Arc;

use super::finding::Finding;

/// The limits of a usage ratio, 0 to 1, from which on a check warns and fails.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct UsageLimits {
    /// In use from this share on, the check warns.
    pub warn: f64,
    /// In use from this share on, the check fails.
    pub fail: f64,
}

impl UsageLimits {
    /// 85 % of a disk is a warning, and with 10 % left it is full enough to stop.
    pub const DISK: Self = Self::new(0.85, 0.9);
    /// As the alerts have it: 80 % and 90 % of the memory that the process may use.
    pub const MEMORY: Self = Self::new(0.8, 0.9);

    /// Creates the limits: the check warns from a share of `warn` on, and fails from `fail` on, both 0 to 1.
    ///
    /// ```
    /// use vantage_obs::health::UsageLimits;
    ///
    /// let limits = UsageLimits::new(0.7, 0.95);
    /// assert_eq!((limits.warn, limits.fail), (0.7, 0.95));
    /// assert_eq!(UsageLimits::DISK.fail, 0.9);
    /// ```
    #[must_use]
    pub const fn new(warn: f64, fail: f64) -> Self {
        Self { warn, fail }
    }

    fn evaluate(self, used: f64) -> Finding {
        let finding = if used >= self.fail {
            Finding::fail("full")
        } else if used >= self.warn {
            Finding::warn("nearly_full")
        } else {
            return Finding::pass();
        };
        finding.with_detail(format!("{:.1} % in use", used * 100.0))
    }
}

/// A function that returns the signals whose export fails, or `None` where nothing is exported.
pub(crate) type FailedSignals = Arc<dyn Fn() -> Option<Vec<&'static str>> + Send + Sync>;

/// Fails when the export of a signal fails.
pub(super) fn check_otlp_receiver(failed_signals: Option<Vec<&'static str>>) -> Finding {
    match failed_signals {
        Some(failed_signals) if !failed_signals.is_empty() => {
            Finding::fail("export_down").with_detail(failed_signals.join(", "))
        }
        _ => Finding::pass(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::health::HealthStatus;

    #[test]
    fn a_share_warns_and_fails_from_exactly_its_limits_on() {
        let limits = UsageLimits::new(0.5, 0.75);
        for (used, status) in [
            (0.49, HealthStatus::Pass),
            (0.5, HealthStatus::Warn),
            (0.74, HealthStatus::Warn),
            (0.75, HealthStatus::Fail),
            (1.0, HealthStatus::Fail),
        ] {
            assert_eq!(limits.evaluate(used).status(), status, "{used}");
        }
    }

    #[test]
    fn a_collector_fails_when_a_signal_is_down() {
        assert_eq!(check_otlp_receiver(None).status(), HealthStatus::Pass);
        assert_eq!(
            check_otlp_receiver(Some(Vec::new())).status(),
            HealthStatus::Pass
        );
        assert_eq!(
            check_otlp_receiver(Some(vec!["traces"])).code(),
            "export_down"
        );
    }
}
