//! Checks that need no code of one's own.

mod draft;

mod disk;
mod event_loop;
mod http;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod store;
mod tcp;

pub use event_loop::Lag;

pub(super) use disk::disk;
pub(super) use event_loop::event_loop;
pub(super) use http::http;
pub(super) use memory::memory;
#[cfg(feature = "postgres")]
pub(super) use postgres::Postgres;
pub(super) use store::store;
pub(super) use tcp::tcp;

use std::sync::Arc;

use super::finding::Finding;

/// The shares of something limited from which on a check warns, and fails: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Share {
    /// In use from this share on, the check warns.
    pub warn: f64,
    /// In use from this share on, the check fails.
    pub fail: f64,
}

impl Share {
    /// 85 % of a disk is a warning, and with 10 % left it is full enough to stop.
    pub const DISK: Self = Self::new(0.85, 0.9);
    /// As the alerts have it: 80 % and 90 % of the memory that the process may use.
    pub const MEMORY: Self = Self::new(0.8, 0.9);

    /// These shares.
    #[must_use]
    pub const fn new(warn: f64, fail: f64) -> Self {
        Self { warn, fail }
    }

    fn judge(self, used: f64) -> Finding {
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

/// The signals whose export does not work, or `None` where nothing is exported.
pub(crate) type Down = Arc<dyn Fn() -> Option<Vec<&'static str>> + Send + Sync>;

/// Whether the receiver of telemetry takes what it is sent.
pub(super) fn collector(down: Option<Vec<&'static str>>) -> Finding {
    match down {
        Some(down) if !down.is_empty() => Finding::fail("export_down").with_detail(down.join(", ")),
        _ => Finding::pass(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::health::Status;

    #[test]
    fn a_share_warns_and_fails_from_exactly_its_limits_on() {
        let share = Share::new(0.5, 0.75);
        for (used, status) in [
            (0.49, Status::Pass),
            (0.5, Status::Warn),
            (0.74, Status::Warn),
            (0.75, Status::Fail),
            (1.0, Status::Fail),
        ] {
            assert_eq!(share.judge(used).status(), status, "{used}");
        }
    }

    #[test]
    fn a_collector_fails_when_a_signal_is_down() {
        assert_eq!(collector(None).status(), Status::Pass);
        assert_eq!(collector(Some(Vec::new())).status(), Status::Pass);
        assert_eq!(collector(Some(vec!["traces"])).code(), "export_down");
    }
}
