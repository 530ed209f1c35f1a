//! The roster as it is shown: one worker, or a page of them.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use super::entry::Entry;
use crate::beat::{BeatId, Role};
use crate::heartbeat::life::{Limits, State};
use crate::store::WorkerRow;

/// One worker at one moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) row: WorkerRow,
    pub(crate) state: State,
    pub(crate) late_at: Option<Timestamp>,
    pub(crate) offline_at: Timestamp,
}

/// Which workers are asked for, in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) role: Role,
    /// Empty for all.
    pub(crate) states: Vec<State>,
    /// Only those after this one.
    pub(crate) after: Option<BeatId>,
    pub(crate) limit: usize,
}

/// Some of the workers that are asked for, and how many there are in each state.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// In the order of [`State::ALL`], of all workers of the role.
    pub(crate) counts: [u64; State::ALL.len()],
    pub(crate) workers: Vec<View>,
    /// After which worker there are more; `None` at the end.
    pub(crate) next: Option<BeatId>,
}

impl View {
    pub(super) fn of(row: &WorkerRow, limits: &Limits, now: Timestamp) -> Option<Self> {
        Some(Self {
            state: limits.state(row, now)?,
            late_at: limits.late_at(row),
            offline_at: limits.offline_at(row),
            row: row.clone(),
        })
    }
}

pub(super) fn read(
    workers: &BTreeMap<BeatId, Entry>,
    limits: &Limits,
    query: &Query,
    now: Timestamp,
) -> Page {
    let start = query
        .after
        .as_ref()
        .map_or(Bound::Unbounded, Bound::Excluded);
    let wanted = |entry: &&Entry| {
        let state = limits.state(&entry.row, now);
        let asked = |state| query.states.is_empty() || query.states.contains(&state);
        entry.row.role == query.role && state.is_some_and(asked)
    };
    let rest = workers
        .range((start, Bound::Unbounded))
        .map(|(_, entry)| entry);
    let mut found = rest
        .filter(wanted)
        .filter_map(|entry| View::of(&entry.row, limits, now));
    let views: Vec<_> = found.by_ref().take(query.limit).collect();
    let more = found.next().is_some();
    let last = views.last().map(|view| view.row.id.clone());
    Page {
        counts: count(workers, limits, query.role, now),
        workers: views,
        next: last.filter(|_| more),
    }
}

fn count(
    workers: &BTreeMap<BeatId, Entry>,
    limits: &Limits,
    role: Role,
    now: Timestamp,
) -> [u64; State::ALL.len()] {
    let mut counts = [0; State::ALL.len()];
    let of_role = workers.values().filter(|entry| entry.row.role == role);
    for state in of_role.filter_map(|entry| limits.state(&entry.row, now)) {
        counts[state as usize] += 1;
    }
    counts
}
