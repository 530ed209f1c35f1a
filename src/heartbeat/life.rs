//! The states of a worker: a pure function of what is known of it and of the time.
//!
//! | state | from |
//! |---|---|
//! | `new` | registration, until the first beat |
//! | `online` | a beat |
//! | `stalled` | `stalled_after` without progress while work is in flight or waiting, though it beats |
//! | `late` | two intervals after the last beat |
//! | `offline` | `offline_after` after the last beat, or after registration |
//! | `stopped` | a goodbye |
//! | gone | `expire_after` after the last beat; one that was expected and never came stays |

use std::time::Duration;

use jiff::Timestamp;

use crate::beat::Condition;
use crate::store::WorkerRow;

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    New,
    Online,
    Late,
    Stalled,
    Offline,
    Stopped,
}

/// After how long a worker is what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) stalled_after: Duration,
    pub(crate) offline_after: Duration,
    pub(crate) expire_after: Duration,
    /// Workers that are kept; further ones are refused.
    pub(crate) capacity: usize,
}

impl State {
    /// All, in the order of a life.
    pub(crate) const ALL: [Self; 6] = [
        Self::New,
        Self::Online,
        Self::Late,
        Self::Stalled,
        Self::Offline,
        Self::Stopped,
    ];

    /// The word for it, such as `online`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Online => "online",
            Self::Late => "late",
            Self::Stalled => "stalled",
            Self::Offline => "offline",
            Self::Stopped => "stopped",
        }
    }
}

impl Limits {
    /// The state at a time; `None` once the worker has expired.
    pub(crate) fn state(&self, row: &WorkerRow, now: Timestamp) -> Option<State> {
        let passed = |at: Option<Timestamp>| at.is_some_and(|at| now >= at);
        let state = if passed(self.expires_at(row)) {
            return None;
        } else if row.condition == Condition::Stopped && row.last_seen.is_some() {
            State::Stopped
        } else if now >= self.offline_at(row) {
            State::Offline
        } else if row.last_seen.is_none() {
            State::New
        } else if passed(self.late_at(row)) {
            State::Late
        } else if passed(self.stalled_at(row)) {
            State::Stalled
        } else {
            State::Online
        };
        Some(state)
    }

    /// The first moment after `now` at which the state may be another, unless a beat comes.
    pub(crate) fn next_change(&self, row: &WorkerRow, now: Timestamp) -> Option<Timestamp> {
        let all = [
            self.late_at(row),
            self.stalled_at(row),
            Some(self.offline_at(row)),
            self.expires_at(row),
        ];
        all.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Two intervals after the last beat; never after it is offline.
    pub(crate) fn late_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        let twice = row.interval.saturating_mul(2).min(self.offline_after);
        row.last_seen.map(|seen| after(seen, twice))
    }

    pub(crate) fn offline_at(&self, row: &WorkerRow) -> Timestamp {
        after(
            row.last_seen.unwrap_or(row.registered_at),
            self.offline_after,
        )
    }

    fn stalled_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        let since = row.progressed_at.filter(|_| row.progress.has_work())?;
        Some(after(since, self.stalled_after))
    }

    /// An offline worker is shown as such at least for a moment.
    fn expires_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        let stopped = row.condition == Condition::Stopped;
        let least = if stopped {
            Duration::ZERO
        } else {
            self.offline_after
        };
        row.last_seen
            .map(|seen| after(seen, self.expire_after.max(least)))
    }
}

/// The time after another, or the last that there is.
pub(crate) fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
