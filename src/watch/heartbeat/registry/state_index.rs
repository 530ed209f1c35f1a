//! The index of workers by state, in the order of ids: counts and pages need no scan.

use std::collections::BTreeSet;

use super::state::WorkerState;
use crate::model::heartbeat::{BeatId, BeatRole};

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
