//! With the clock in the hand.

mod instants;
mod merging;
mod order;
mod pages;
mod reference;
mod size;
mod slices;

use std::time::Duration;

use jiff::Timestamp;

use super::state::after;
use super::*;
use crate::model::heartbeat::{Condition, Progress};

const MINUTE: Duration = Duration::from_secs(60);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn terms() -> Terms {
    Terms {
        stalled_after: 5 * MINUTE,
        offline_after: 5 * MINUTE,
        expire_after: 24 * 60 * MINUTE,
        capacity: 100,
    }
}

/// Midnight, so that slices end at whole minutes of it.
fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// So many seconds later.
fn at(seconds: u64) -> Timestamp {
    after(start(), Duration::from_secs(seconds))
}

fn before(at: Timestamp) -> Timestamp {
    at.checked_sub(NANOSECOND).unwrap()
}

fn id(name: &str) -> BeatId {
    BeatId::parse(name).unwrap()
}

fn beat(boot: &str, sequence: u64) -> Beat {
    Beat {
        boot_id: boot.into(),
        sequence,
        role: Role::Worker,
        interval: Duration::from_secs(30),
        condition: Condition::Running,
        sent_at: None,
        version: None,
        progress: Progress::default(),
    }
}

fn goodbye(boot: &str, sequence: u64) -> Beat {
    Beat {
        condition: Condition::Stopped,
        ..beat(boot, sequence)
    }
}

fn busy(boot: &str, sequence: u64, in_flight: u64, processed_total: u64) -> Beat {
    Beat {
        progress: Progress {
            in_flight,
            processed_total,
            ..Progress::default()
        },
        ..beat(boot, sequence)
    }
}

/// A roster and the one worker that most tests need.
struct One {
    roster: Roster,
    id: BeatId,
}

impl One {
    fn new() -> Self {
        Self {
            roster: Roster::new(terms(), start()),
            id: id("w"),
        }
    }

    fn beat(&self, beat: Beat, at: Timestamp) -> Reception {
        self.receipt(beat, at).reception
    }

    fn receipt(&self, beat: Beat, at: Timestamp) -> Receipt {
        self.roster.beat(&self.id, beat, at).unwrap()
    }

    fn state(&self, at: Timestamp) -> Option<State> {
        Some(self.view(at)?.state)
    }

    fn view(&self, at: Timestamp) -> Option<View> {
        self.roster.view(&self.id, at)
    }

    /// Calls each second until then, as the heartbeat's thread does; what became due.
    fn listen(&self, from: u64, until: u64) -> Tidings {
        listen(&self.roster, from, until)
    }
}

fn listen(roster: &Roster, from: u64, until: u64) -> Tidings {
    let mut all = Tidings::default();
    for second in from..=until {
        let mut found = roster.advance(at(second));
        all.transitions.append(&mut found.transitions);
        all.changes.append(&mut found.changes);
        all.lost_jobs += found.lost_jobs;
        all.slices.add(found.slices);
    }
    all
}

/// From, to, and the date.
fn changes(tidings: &Tidings) -> Vec<(State, State, Timestamp)> {
    let all = tidings.transitions.iter();
    all.map(|change| (change.from, change.to, change.at))
        .collect()
}
