//! The silence that a store explains which carries beats of other processes and can't be read.
//!
//! | latest read of the store | silence of a worker that beats through it |
//! |---|---|
//! | succeeded a moment ago | is its own |
//! | failed, or is old | is judged up to the read that succeeded last; what becomes due later waits |
//! | is the first after an outage | counts from this read on, for what was not due when the outage began |
//!
//! Who is silent through several outages has, for the later ones, the time that was left: a store that is away again
//! and again hides no worker that is gone.

use jiff::Timestamp;

use super::StateCounts;
use super::carrier::StoreCarrier;
use super::state::{Excuse, StateBasis, StateTimeouts, WorkerState, last_heard_at, saturating_add};
use super::workers::{WorkerEntry, WorkerRegistry};
use crate::model::heartbeat::BeatRole;
use crate::record::clock::saturating_step;

/// The parts of `offline_after` of which one is no outage: what was not read for so long makes nobody offline.
const BLIPS: u32 = 30;

impl WorkerRegistry {
    /// Has the store carry beats of other processes: it is read again and again from `now` on.
    pub(crate) fn follow_store(&mut self, now: Timestamp) {
        self.carrier = Some(StoreCarrier::new(now));
    }

    /// Records a read of the store, before what it brought is merged.
    pub(crate) fn record_read(&mut self, succeeded: bool, now: Timestamp) {
        let now = now.max(self.now);
        let Some(carrier) = &mut self.carrier else {
            return;
        };
        if !succeeded {
            return carrier.record_failure();
        }
        if carrier.record_success(now, self.timeouts.offline_after / BLIPS) {
            let longest = self.timeouts.offline_after.max(self.timeouts.stalled_after);
            carrier.explains_until = saturating_add(now, longest);
            let judged_until = carrier.judged_until;
            self.excuse_silence(judged_until, now);
        }
        for id in std::mem::take(&mut self.held) {
            self.schedule(&id);
        }
    }

    /// Returns since when the store that carries beats can't be read; `None` while it can, and where it carries none.
    pub(crate) fn store_lost_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.carrier.as_ref()?.lost_since(now.max(self.now))
    }

    /// Returns since when the state of any worker or scheduler is unknown because the store can't be read.
    pub(crate) fn unknown_since(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.store_lost_since(now)?;
        let mut entries = self.entries.values();
        entries
            .any(|entry| self.is_unknown(entry, now.max(self.now)))
            .then_some(since)
    }

    /// Returns the time up to which the silence of workers that beat through the store is judged.
    pub(super) fn judge_until(&mut self, now: Timestamp) -> Timestamp {
        let Some(carrier) = &mut self.carrier else {
            return now;
        };
        let horizon = carrier.horizon(now);
        carrier.judged_until = carrier.judged_until.max(horizon);
        horizon
    }

    /// Excuses the silence since `judged_until` of all that beat through the store.
    fn excuse_silence(&mut self, judged_until: Timestamp, now: Timestamp) {
        let timeouts = self.timeouts;
        for entry in self.entries.values_mut() {
            if !entry.is_carried(&timeouts) {
                continue;
            }
            let is_settled =
                entry.is_gone() && timeouts.state(entry.unexcused(), judged_until) == entry.state;
            let heard_at = last_heard_at(&entry.row);
            let counts_from = entry
                .excuse
                .map_or(heard_at, |excuse| excuse.counts_from.max(heard_at));
            let counts_from = saturating_step(counts_from, now.duration_since(judged_until));
            entry.excuse = Some(match entry.excuse {
                // What is left until it is forgotten.
                _ if is_settled => Excuse {
                    judged_until,
                    counts_from,
                },
                // Of its timeout, what was left when the store went away again.
                Some(excuse) if heard_at < excuse.counts_from => Excuse {
                    counts_from,
                    ..excuse
                },
                _ => Excuse {
                    judged_until,
                    counts_from: now,
                },
            });
            entry.since = entry.since.max(now);
        }
    }

    /// Returns the workers in each state as last known, without those whose state is not known at `at`.
    pub(super) fn known_counts_at(&self, role: BeatRole, at: Timestamp) -> StateCounts {
        let mut counts = self.current_counts(role);
        if self.has_unknown(at) {
            let entries = self.entries.values();
            let unknown =
                entries.filter(|entry| entry.row.role == role && self.is_unknown(entry, at));
            unknown.for_each(|entry| counts.remove(entry.state));
        }
        counts
    }

    /// Returns whether the state of any worker may be unknown.
    fn has_unknown(&self, at: Timestamp) -> bool {
        self.carrier.as_ref().is_some_and(|carrier| {
            at < carrier.explains_until
                || carrier.horizon(at) < at
                || carrier.lost_since(at).is_some()
        })
    }

    /// Returns whether a worker's state is that of an earlier time, because the store that carries its beats can't
    /// be read, or could not while it was silent.
    pub(super) fn is_unknown(&self, entry: &WorkerEntry, at: Timestamp) -> bool {
        let Some(carrier) = &self.carrier else {
            return false;
        };
        if !self.has_unknown(at) || !entry.is_carried(&self.timeouts) {
            return false;
        }
        // Beats of it that came here since are known.
        let lost_since = carrier.lost_since(at);
        if lost_since.is_some_and(|since| entry.row.last_seen <= Some(since)) {
            return true;
        }
        !entry.is_gone() && self.timeouts.state(entry.unexcused(), at) != entry.state
    }

    /// Returns a deadline of a worker, unless nobody can know that it will have been reached.
    pub(super) fn known_deadline(
        &self,
        entry: &WorkerEntry,
        deadline: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let carrier = self.carrier.as_ref();
        let carrier = carrier.filter(|_| entry.is_carried(&self.timeouts));
        let lost = carrier.filter(|carrier| carrier.lost_since(self.now).is_some());
        deadline.filter(|at| lost.is_none_or(|carrier| *at <= carrier.judged_until))
    }
}

impl WorkerEntry {
    /// Returns whether it beats through the store: whether one of its latest beats came that way, or none has come.
    pub(super) fn is_carried(&self, timeouts: &StateTimeouts) -> bool {
        let Some(seen) = self.row.last_seen else {
            return true;
        };
        // Of one that beats here and there, the next may come there.
        let came_recently = |at| saturating_add(at, timeouts.offline_after) > seen;
        self.carried_at.is_some_and(came_recently)
    }

    /// Returns whether it was found to be offline, or has signed off.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(
            self.state,
            WorkerState::Offline | WorkerState::Forgotten | WorkerState::Stopped
        )
    }

    /// Returns what its state follows from, without what outages of the store explain.
    fn unexcused(&self) -> StateBasis<'_> {
        StateBasis {
            excuse: None,
            ..self.basis()
        }
    }
}
