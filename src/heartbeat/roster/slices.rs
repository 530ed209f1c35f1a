//! Slices of a minute, for the availability of workers: good when the last beat before the slice's
//! end is at most `offline_after` old, bad when it is older.
//!
//! Not counted are those who said goodbye, have expired, or are new; and a minute of which the roster
//! no longer knows when the last beat before its end came, because it was asked too late.

use jiff::Timestamp;

use super::entry::{Entry, end_of, minute};
use crate::beat::{Condition, Role};
use crate::heartbeat::life::{Limits, after};

/// The slices of one or several minutes over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SliceCount {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// Which minutes are counted already.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// The first minute that is not; `None` before the first look.
    next: Option<i64>,
}

impl Slices {
    /// Minutes that were over when this receiver began are not its own to count.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.next.get_or_insert(minute(now));
    }

    pub(super) fn count<'a>(
        &mut self,
        limits: &Limits,
        entries: impl Iterator<Item = &'a Entry> + Clone,
        now: Timestamp,
    ) -> SliceCount {
        self.begin(now);
        let (present, mut count) = (minute(now), SliceCount::default());
        // After a long sleep only the last hour is looked at.
        let first = self.next.unwrap_or(present).max(present - 60);
        for over in first..present {
            let end = end_of(over);
            for good in entries.clone().filter_map(|entry| entry.judge(limits, end)) {
                count.good += u64::from(good);
                count.bad += u64::from(!good);
            }
        }
        self.next = Some(present.max(self.next.unwrap_or(present)));
        count
    }
}

impl Entry {
    /// Whether the slice that ended then was good.
    fn judge(&self, limits: &Limits, end: Timestamp) -> Option<bool> {
        let row = &self.row;
        if row.role != Role::Worker {
            return None;
        }
        let seen = match row.last_seen {
            None => return (end >= limits.offline_at(row)).then_some(false),
            Some(seen) if seen < end => seen,
            Some(_) => return self.judge_before(limits, end),
        };
        let gone = row.condition == Condition::Stopped || limits.state(row, end).is_none();
        (!gone).then(|| end <= after(seen, limits.offline_after))
    }

    /// The present beat came after the slice's end: the one before its minute decides.
    fn judge_before(&self, limits: &Limits, end: Timestamp) -> Option<bool> {
        let seen = self.seen_before.filter(|seen| *seen < end)?;
        Some(end <= after(seen, limits.offline_after))
    }
}
