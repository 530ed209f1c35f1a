//! Who is in which state, in the order of ids: counts and pages need no scan.

use std::collections::BTreeSet;

use super::state::State;
use crate::model::heartbeat::{BeatId, Role};

/// The ids of workers and of schedulers in each state.
#[derive(Debug, Default)]
pub(super) struct Lists([[BTreeSet<BeatId>; State::LISTED.len()]; Role::ALL.len()]);

impl Lists {
    /// `None` for a state in which nobody can be found.
    pub(super) fn of(&self, role: Role, state: State) -> Option<&BTreeSet<BeatId>> {
        self.0[role as usize].get(state as usize)
    }

    pub(super) fn count(&self, role: Role, state: State) -> usize {
        self.of(role, state).map_or(0, BTreeSet::len)
    }

    pub(super) fn add(&mut self, role: Role, state: State, id: &BeatId) {
        if let Some(ids) = self.0[role as usize].get_mut(state as usize) {
            ids.insert(id.clone());
        }
    }

    pub(super) fn remove(&mut self, role: Role, state: State, id: &BeatId) {
        if let Some(ids) = self.0[role as usize].get_mut(state as usize) {
            ids.remove(id);
        }
    }
}
