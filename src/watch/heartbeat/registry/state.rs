//! The states of a worker and their deadlines: pure functions of its row and a moment.
//!
//! A state is judged for the moment somebody asks about, so that it is exact at every instant and also
//! for the time in which the receiver was away.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::HeartbeatConfig;
use crate::model::heartbeat::{BeatId, BeatRole, LifecycleState};
use crate::model::string_enum::string_enum;
use crate::record::clock::saturating_step;
use crate::store::WorkerRow;

/// Beats that a worker may be late by before it is called late.
/// One would call a worker late for every beat that is held up for a moment on its way.
const LATE_AFTER_INTERVALS: u32 = 2;

/// The timeouts of a worker's states, and the capacity of the registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateTimeouts {
    /// From the latest progress, while there is work.
    pub(crate) stalled_after: Duration,
    /// From the latest beat.
    pub(crate) offline_after: Duration,
    /// More than `offline_after`.
    pub(crate) forget_after: Duration,
    /// From the latest beat; a goodbye is one.
    pub(crate) expire_after: Duration,
    /// Workers and schedulers that are remembered at once.
    pub(crate) capacity: usize,
}

/// The silence of one worker that outages explain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excuse {
    /// The time by which deadlines were judged without it.
    pub(super) judged_until: Timestamp,
    /// The time from which on silence counts.
    pub(super) counts_from: Timestamp,
}

impl Excuse {
    pub(super) fn shift_by(&mut self, step: SignedDuration) {
        self.judged_until = saturating_step(self.judged_until, step);
        self.counts_from = saturating_step(self.counts_from, step);
    }

    /// Returns the time at which a silence since `heard_at` has lasted for `timeout`.
    pub(super) fn deadline(
        excuse: Option<Self>,
        heard_at: Timestamp,
        timeout: Duration,
    ) -> Timestamp {
        let deadline = saturating_add(heard_at, timeout);
        match excuse {
            Some(excuse) if deadline > excuse.judged_until => {
                saturating_add(heard_at.max(excuse.counts_from), timeout)
            }
            _ => deadline,
        }
    }
}

/// The basis of a worker's state at any moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateBasis<'a> {
    pub(super) row: &'a WorkerRow,
    pub(super) expected: bool,
    /// The silence that an outage of the store explains.
    pub(super) excuse: Option<Excuse>,
}

/// The state of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum WorkerState {
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
    /// It has been offline for so long that it counts no more: it was one of many. Shown as offline.
    Forgotten,
    /// It is gone.
    Expired,
}

string_enum!(pub(crate) WorkerState {
    New: "new",
    Online: "online",
    Late: "late",
    Stalled: "stalled",
    Offline: "offline",
    Stopped: "stopped",
    Forgotten: "forgotten",
    Expired: "expired",
});

impl WorkerState {
    /// The states in which a worker can be found.
    pub(crate) const LISTED: [Self; 7] = [
        Self::New,
        Self::Online,
        Self::Late,
        Self::Stalled,
        Self::Offline,
        Self::Stopped,
        Self::Forgotten,
    ];

    /// The states that are shown.
    pub(crate) const SHOWN: [Self; 6] = [
        Self::New,
        Self::Online,
        Self::Late,
        Self::Stalled,
        Self::Offline,
        Self::Stopped,
    ];

    /// Returns the state as it is shown.
    pub(crate) const fn shown(self) -> Self {
        match self {
            Self::Forgotten => Self::Offline,
            state => state,
        }
    }
}

impl StateTimeouts {
    /// Returns the timeouts of the configuration.
    pub(crate) fn from_config(config: &HeartbeatConfig) -> Self {
        Self {
            stalled_after: config.stalled_after,
            offline_after: config.offline_after,
            forget_after: config.effective_forget_after(),
            expire_after: config.expire_after,
            capacity: config.capacity,
        }
    }

    /// Returns the state of a worker at a moment: expired beats stopped beats forgotten beats offline beats
    /// late beats stalled. Silence that an outage of the store explains is none.
    ///
    /// | | from when on |
    /// |---|---|
    /// | expired | `expire_after` since the last beat, or since it was registered; never where `expected` |
    /// | stopped | its goodbye |
    /// | forgotten | `forget_after` since the last beat of a worker, or since it was registered; never where `expected`, nor a scheduler, which is no one of many |
    /// | offline | `offline_after` since the last beat, or since it was registered |
    /// | late | two intervals since the last beat |
    /// | stalled | `stalled_after` since the last progress, while there is work |
    /// | new, online | otherwise |
    pub(super) fn state(&self, basis: StateBasis<'_>, at: Timestamp) -> WorkerState {
        let reached = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| at >= deadline);
        let row = basis.row;
        if reached(self.expires_at(basis)) {
            WorkerState::Expired
        } else if row.condition == LifecycleState::Stopped {
            WorkerState::Stopped
        } else if reached(self.forgotten_at(basis)) {
            WorkerState::Forgotten
        } else if reached(self.offline_at(basis)) {
            WorkerState::Offline
        } else if reached(self.late_at(basis)) {
            WorkerState::Late
        } else if reached(self.stalls_at(basis)) {
            WorkerState::Stalled
        } else if row.last_seen.is_none() {
            WorkerState::New
        } else {
            WorkerState::Online
        }
    }

    /// Returns the next change of the state after `at`, if no beat comes.
    pub(super) fn next_change(
        &self,
        basis: StateBasis<'_>,
        at: Timestamp,
    ) -> Option<(Timestamp, WorkerState)> {
        let now = self.state(basis, at);
        let mut deadlines = self.deadlines(basis);
        deadlines.sort_unstable();
        // A deadline need not change the state: a late worker that stalls stays late.
        let later = deadlines.into_iter().flatten().filter(|then| *then > at);
        let mut states = later.map(|then| (then, self.state(basis, then)));
        states.find(|(_, state)| *state != now)
    }

    /// Returns the next deadline: not later than the [`next_change`](Self::next_change), and cheaper.
    pub(super) fn earliest_deadline(
        &self,
        basis: StateBasis<'_>,
        at: Timestamp,
    ) -> Option<Timestamp> {
        let deadlines = self.deadlines(basis).into_iter().flatten();
        deadlines.filter(|then| *then > at).min()
    }

    /// Returns the moments at which the state may change, in no order.
    fn deadlines(&self, basis: StateBasis<'_>) -> [Option<Timestamp>; 5] {
        [
            self.stalls_at(basis),
            self.late_at(basis),
            self.offline_at(basis),
            self.forgotten_at(basis),
            self.expires_at(basis),
        ]
    }

    /// Returns when a worker is late; `None` before its first beat and after a goodbye.
    pub(super) fn late_at(&self, basis: StateBasis<'_>) -> Option<Timestamp> {
        let allowance = basis.row.interval.saturating_mul(LATE_AFTER_INTERVALS);
        // Not before the first beat: a new worker is not late, it is new until it is offline.
        let seen = basis.row.last_seen.filter(|_| expects_beats(basis.row));
        seen.map(|seen| Excuse::deadline(basis.excuse, seen, allowance))
    }

    /// Returns when a worker is offline; `None` after a goodbye.
    pub(super) fn offline_at(&self, basis: StateBasis<'_>) -> Option<Timestamp> {
        expects_beats(basis.row).then(|| basis.silence_deadline(self.offline_after))
    }

    fn forgotten_at(&self, basis: StateBasis<'_>) -> Option<Timestamp> {
        let row = basis.row;
        (!basis.expected && expects_beats(row) && row.role == BeatRole::Worker)
            .then(|| basis.silence_deadline(self.forget_after))
    }

    /// Returns when a worker with work stalls; `None` where it has none.
    fn stalls_at(&self, basis: StateBasis<'_>) -> Option<Timestamp> {
        let has_work = expects_beats(basis.row) && basis.row.progress.has_work();
        let progressed_at = basis.row.progressed_at.filter(|_| has_work);
        progressed_at.map(|at| Excuse::deadline(basis.excuse, at, self.stalled_after))
    }

    /// Returns when a worker is forgotten; `None` for an expected one.
    fn expires_at(&self, basis: StateBasis<'_>) -> Option<Timestamp> {
        (!basis.expected).then(|| basis.silence_deadline(self.expire_after))
    }
}

impl StateBasis<'_> {
    /// Returns the time at which its silence has lasted for `timeout`.
    fn silence_deadline(&self, timeout: Duration) -> Timestamp {
        Excuse::deadline(self.excuse, last_heard_at(self.row), timeout)
    }
}

/// Returns whether beats are expected.
fn expects_beats(row: &WorkerRow) -> bool {
    row.condition != LifecycleState::Stopped
}

/// Returns when a worker was last seen, or registered.
pub(super) fn last_heard_at(row: &WorkerRow) -> Timestamp {
    row.last_seen.unwrap_or(row.registered_at)
}

/// Adds `by` to `at`, or returns the latest timestamp.
pub(super) fn saturating_add(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The ids of workers and of schedulers in each state.
#[derive(Debug, Default)]
pub(super) struct StateIndex([[BTreeSet<BeatId>; WorkerState::LISTED.len()]; BeatRole::ALL.len()]);

impl StateIndex {
    /// Returns the ids in a state; `None` for a state in which no worker can be found.
    pub(super) fn ids(&self, role: BeatRole, state: WorkerState) -> Option<&BTreeSet<BeatId>> {
        self.0[role as usize].get(state as usize)
    }

    pub(super) fn count(&self, role: BeatRole, state: WorkerState) -> usize {
        self.ids(role, state).map_or(0, BTreeSet::len)
    }

    pub(super) fn insert(&mut self, role: BeatRole, state: WorkerState, id: &BeatId) {
        if let Some(ids) = self.0[role as usize].get_mut(state as usize) {
            ids.insert(id.clone());
        }
    }

    pub(super) fn remove(&mut self, role: BeatRole, state: WorkerState, id: &BeatId) {
        if let Some(ids) = self.0[role as usize].get_mut(state as usize) {
            ids.remove(id);
        }
    }
}
