//! Something that works or doesn't, said once when that changes: a collector that is away for a night
//! is two lines in the log.

use std::time::{Duration, Instant};

/// Remembers whether something works. What has never been tried counts as working.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OutageTracker {
    down: Option<Down>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    since: Instant,
    failures: u64,
}

/// A time during which something did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// From the first failure to the success that ended it.
    pub(crate) lasted: Duration,
    /// How often it was tried in vain.
    pub(crate) failures: u64,
}

impl OutageTracker {
    /// It failed. Whether that is news, to be told with its cause; a failure for another cause isn't,
    /// because causes can take turns.
    pub(crate) fn failed(&mut self, now: Instant) -> bool {
        let news = self.down.is_none();
        let down = self.down.get_or_insert(Down {
            since: now,
            failures: 0,
        });
        down.failures += 1;
        news
    }

    /// It worked. The outage that has ended, if there was one.
    pub(crate) fn worked(&mut self, now: Instant) -> Option<Outage> {
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
    fn each_change_is_told_once() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut changes = OutageTracker::default();
        assert_eq!(changes.worked(at(0)), None);
        assert!(changes.failed(at(10)));
        assert!(!changes.failed(at(20)));
        assert!(!changes.failed(at(30)));
        let outage = Outage {
            lasted: Duration::from_secs(30),
            failures: 3,
        };
        assert_eq!(changes.worked(at(40)), Some(outage));
        assert_eq!(changes.worked(at(50)), None);
        assert!(changes.failed(at(60)));
        let outage = changes.worked(at(60)).unwrap();
        assert_eq!((outage.lasted, outage.failures), (Duration::ZERO, 1));
    }
}
