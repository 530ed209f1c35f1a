//! When a worker is in which state: pure functions of its row and a moment, and nothing else.
//!
//! A state is judged for the moment somebody asks about, so that it is exact at every instant and also
//! for the time in which the receiver was away.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::Heartbeat;
use crate::model::heartbeat::Condition;
use crate::store::WorkerRow;

/// Beats that a worker may be late by before it is called late.
const LATE_AFTER_INTERVALS: u32 = 2;

/// How long a worker may be silent or stand still, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) stalled_after: Duration,
    pub(crate) offline_after: Duration,
    pub(crate) expire_after: Duration,
    /// Workers and schedulers that are remembered at once.
    pub(crate) capacity: usize,
}

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    /// Registered, and has not beaten yet.
    New,
    Online,
    /// Two of its intervals have passed without a beat.
    Late,
    /// It beats, has work, and gets nowhere.
    Stalled,
    Offline,
    /// It said goodbye.
    Stopped,
    /// It is forgotten.
    Expired,
}

impl State {
    /// Those in which a worker can be found.
    pub(crate) const LISTED: [Self; 6] = [
        Self::New,
        Self::Online,
        Self::Late,
        Self::Stalled,
        Self::Offline,
        Self::Stopped,
    ];

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Online => "online",
            Self::Late => "late",
            Self::Stalled => "stalled",
            Self::Offline => "offline",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
        }
    }
}

impl Terms {
    /// As configured.
    pub(crate) fn of(config: &Heartbeat) -> Self {
        Self {
            stalled_after: config.stalled_after,
            offline_after: config.offline_after,
            expire_after: config.expire_after,
            capacity: config.capacity,
        }
    }

    /// How a worker is at a moment: expired beats stopped beats offline beats late beats stalled.
    ///
    /// | | from when on |
    /// |---|---|
    /// | expired | `expire_after` since the last beat, or since it was registered; never where `expected` |
    /// | stopped | its goodbye |
    /// | offline | `offline_after` since the last beat, or since it was registered |
    /// | late | two intervals since the last beat |
    /// | stalled | `stalled_after` since the last progress, while there is work |
    /// | new, online | otherwise |
    pub(super) fn state(&self, row: &WorkerRow, expected: bool, at: Timestamp) -> State {
        let reached = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| at >= deadline);
        if reached(self.expires_at(row, expected)) {
            State::Expired
        } else if row.condition == Condition::Stopped {
            State::Stopped
        } else if reached(self.offline_at(row)) {
            State::Offline
        } else if reached(self.late_at(row)) {
            State::Late
        } else if reached(self.stalls_at(row)) {
            State::Stalled
        } else if row.last_seen.is_none() {
            State::New
        } else {
            State::Online
        }
    }

    /// The next moment after `at` at which the state becomes another, if nothing is heard.
    pub(super) fn next(
        &self,
        row: &WorkerRow,
        expected: bool,
        at: Timestamp,
    ) -> Option<(Timestamp, State)> {
        let now = self.state(row, expected, at);
        let mut deadlines = self.deadlines(row, expected);
        deadlines.sort_unstable();
        let later = deadlines.into_iter().flatten().filter(|then| *then > at);
        let mut states = later.map(|then| (then, self.state(row, expected, then)));
        states.find(|(_, state)| *state != now)
    }

    /// Not later than the [`next`](Self::next) change, and cheaper.
    pub(super) fn earliest_after(
        &self,
        row: &WorkerRow,
        expected: bool,
        at: Timestamp,
    ) -> Option<Timestamp> {
        let deadlines = self.deadlines(row, expected).into_iter().flatten();
        deadlines.filter(|then| *then > at).min()
    }

    fn deadlines(&self, row: &WorkerRow, expected: bool) -> [Option<Timestamp>; 4] {
        [
            self.stalls_at(row),
            self.late_at(row),
            self.offline_at(row),
            self.expires_at(row, expected),
        ]
    }

    pub(super) fn late_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        let allowance = row.interval.saturating_mul(LATE_AFTER_INTERVALS);
        speaks(row).then(|| row.last_seen.map(|seen| after(seen, allowance)))?
    }

    pub(super) fn offline_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        speaks(row).then(|| after(heard(row), self.offline_after))
    }

    fn stalls_at(&self, row: &WorkerRow) -> Option<Timestamp> {
        let works = speaks(row) && row.progress.has_work();
        works.then(|| row.progressed_at.map(|at| after(at, self.stalled_after)))?
    }

    fn expires_at(&self, row: &WorkerRow, expected: bool) -> Option<Timestamp> {
        (!expected).then(|| after(heard(row), self.expire_after))
    }
}

/// Whether silence means something.
fn speaks(row: &WorkerRow) -> bool {
    row.condition != Condition::Stopped
}

/// When a worker was heard of last.
fn heard(row: &WorkerRow) -> Timestamp {
    row.last_seen.unwrap_or(row.registered_at)
}

/// Later by so much, or at the end of time.
pub(super) fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
