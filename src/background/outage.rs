//! Outages, logged once when they begin and once when they end: a collector that is away for a night is
//! two lines in the log.

use std::time::{Duration, Instant};

/// The state of a dependency: working, or failing since a moment. Before the first try it counts as
/// working.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OutageTracker {
    down: Option<Down>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    /// The first failure.
    since: Instant,
    failures: u64,
}

/// The time during which a dependency failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// From the first failure to the success that ended it.
    pub(crate) lasted: Duration,
    /// The number of failed tries.
    pub(crate) failures: u64,
}

impl OutageTracker {
    /// Records a failure. Returns true for the first of an outage, which is to be logged with its cause;
    /// later ones may have other causes, which can take turns.
    // Counted in any case, so that the end can say how many there were.
    pub(crate) fn record_failure(&mut self, now: Instant) -> bool {
        let first = self.down.is_none();
        let down = self.down.get_or_insert(Down {
            since: now,
            failures: 0,
        });
        down.failures += 1;
        first
    }

    /// Records a success. Returns the outage that it ended, if any.
    pub(crate) fn record_success(&mut self, now: Instant) -> Option<Outage> {
        let Down { since, failures } = self.down.take()?;
        Some(Outage {
            lasted: now.saturating_duration_since(since),
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_reported_once() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut outages = OutageTracker::default();
        assert_eq!(outages.record_success(at(0)), None);
        assert!(outages.record_failure(at(10)));
        assert!(!outages.record_failure(at(20)));
        assert!(!outages.record_failure(at(30)));
        let outage = Outage {
            lasted: Duration::from_secs(30),
            failures: 3,
        };
        assert_eq!(outages.record_success(at(40)), Some(outage));
        assert_eq!(outages.record_success(at(50)), None);
        assert!(outages.record_failure(at(60)));
        let outage = outages.record_success(at(60)).unwrap();
        assert_eq!((outage.lasted, outage.failures), (Duration::ZERO, 1));
    }
}
