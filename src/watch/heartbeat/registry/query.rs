//! What somebody who asks is shown.

use jiff::Timestamp;

use super::state::State;
use super::workers::Book;
use crate::model::heartbeat::{BeatId, Role};
use crate::store::WorkerRow;

/// One worker at one moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) row: WorkerRow,
    pub(crate) state: State,
    /// When it was or will be late, if nothing is heard; `None` before its first beat and after a
    /// goodbye.
    pub(crate) late_at: Option<Timestamp>,
    pub(crate) offline_at: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) role: Role,
    /// Empty for all.
    pub(crate) states: Vec<State>,
    /// The last id of the page before.
    pub(crate) after: Option<BeatId>,
    pub(crate) limit: usize,
}

/// One page of a list, in the order of ids.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) counts: Counts,
    pub(crate) views: Vec<View>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<BeatId>,
}

/// How many are in each state, in the order of [`State::LISTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([usize; State::LISTED.len()]);

impl Counts {
    pub(crate) fn of(&self, state: State) -> usize {
        self.0.get(state as usize).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

impl View {
    /// How long ago it was seen.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let age = self.now.duration_since(self.row.last_seen?);
        Some(u64::try_from(age.as_millis()).unwrap_or_default())
    }
}

impl Book {
    pub(super) fn counts(&self, role: Role) -> Counts {
        Counts(State::LISTED.map(|state| self.lists.count(role, state)))
    }

    pub(super) fn view(&self, id: &BeatId) -> Option<View> {
        let entry = self.entries.get(id)?;
        Some(View {
            state: entry.state,
            late_at: self.terms.late_at(&entry.row),
            offline_at: self.terms.offline_at(&entry.row),
            row: entry.row.clone(),
            now: self.now,
        })
    }

    pub(super) fn page(&self, query: &Query) -> Page {
        // One more than is shown, to know whether there is another page.
        let wanted = query.limit.saturating_add(1);
        let mut ids: Vec<_> = State::LISTED
            .into_iter()
            .filter(|state| query.states.is_empty() || query.states.contains(state))
            .flat_map(|state| self.ids_after(query, state).take(wanted))
            .collect();
        ids.sort_unstable();
        let more = ids.len() > query.limit;
        ids.truncate(query.limit);
        Page {
            counts: self.counts(query.role),
            next: ids.last().filter(|_| more).map(|id| (*id).clone()),
            views: ids.into_iter().filter_map(|id| self.view(id)).collect(),
        }
    }

    fn ids_after<'a>(
        &'a self,
        query: &Query,
        state: State,
    ) -> impl Iterator<Item = &'a BeatId> + use<'a> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = query.after.clone().map_or(Unbounded, Excluded);
        let ids = self.lists.of(query.role, state).into_iter();
        ids.flat_map(move |ids| ids.range((start.clone(), Unbounded)))
    }

    /// When each was last seen, of those whose silence means something; `None` where there are more
    /// than `limit`.
    pub(super) fn last_seen(&self, role: Role, limit: usize) -> Option<Vec<(BeatId, Timestamp)>> {
        if self.counts(role).total() > limit {
            return None;
        }
        let listed = State::LISTED.into_iter();
        let speaking = listed.filter(|state| *state != State::Stopped);
        let ids = speaking.filter_map(|state| self.lists.of(role, state));
        let seen = ids.flatten().filter_map(|id| {
            let seen = self.entries.get(id)?.row.last_seen?;
            Some((id.clone(), seen))
        });
        Some(seen.collect())
    }
}
