//! What each member of the crew has done, kept under a lock that starting and ending work take anyway.

use std::time::Instant;

use hashbrown::HashMap;

use super::worker_keys::{Member, Number};

/// One member's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) in_flight: u64,
    pub(crate) overdue: u64,
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    /// When work started or ended last.
    pub(crate) progressed: Option<Instant>,
    /// When the oldest work in flight was started.
    pub(crate) oldest: Option<Instant>,
}

/// The work of all members.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<Number, Tally>);

impl Tallies {
    pub(super) fn start(&mut self, number: Number, now: Instant) {
        if number > 0 {
            let tally = self.0.entry(number).or_default();
            tally.in_flight += 1;
            tally.progressed = Some(now);
        }
    }

    /// Work that was started before its member was forgotten is nobody's.
    pub(super) fn end(&mut self, number: Number, now: Instant, well: bool) {
        if let Some(tally) = self.0.get_mut(&number) {
            tally.in_flight = tally.in_flight.saturating_sub(1);
            tally.processed += 1;
            tally.failed += u64::from(!well);
            tally.progressed = Some(now);
        }
    }

    /// Forgets those who have left: `present` is everybody else, in the order in which they came.
    pub(super) fn prune(&mut self, present: &[Member]) {
        let newest = present.last().map_or(0, |member| member.number);
        let is_present = |number: Number| {
            present
                .binary_search_by_key(&number, |member| member.number)
                .is_ok()
        };
        // Whoever came after this was asked is there too.
        self.0
            .retain(|number, _| *number > newest || is_present(*number));
    }

    /// A copy, to which `running` adds what it knows of each piece of work: whose it is, when it was
    /// started, and whether it is overdue.
    pub(super) fn with(
        &self,
        running: impl Iterator<Item = (Number, Instant, bool)>,
    ) -> HashMap<Number, Tally> {
        let mut tallies = self.0.clone();
        for (number, started, overdue) in running {
            if let Some(tally) = tallies.get_mut(&number) {
                tally.overdue += u64::from(overdue);
                let oldest = tally.oldest.map_or(started, |oldest| oldest.min(started));
                tally.oldest = Some(oldest);
            }
        }
        tallies
    }
}
