use std::time::Instant;

use super::WorkerState::{Forgotten, Late, Offline, Online, Stalled};
use super::*;
use crate::record::clock::ClockReading;

const HOUR: i64 = 3_600;

/// The two clocks of a receiver.
struct Clocks {
    started: Instant,
    /// Seconds that went by.
    elapsed: u64,
    /// Seconds by which the time of day was set.
    stepped: i64,
}

impl Clocks {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            elapsed: 0,
            stepped: 0,
        }
    }

    fn read(&self) -> ClockReading {
        ClockReading {
            wall: at(self.elapsed) + jiff::SignedDuration::from_secs(self.stepped),
            monotonic: self.started + Duration::from_secs(self.elapsed),
        }
    }
}

/// A registry with a worker that beats each 30 s, its clocks, and what became due.
struct Receiver {
    registry: WorkerRegistry,
    clocks: Clocks,
    sequence: u64,
    found: RegistryEvents,
}

impl Receiver {
    fn new() -> Self {
        Self {
            registry: WorkerRegistry::new(timeouts(), start()),
            clocks: Clocks::new(),
            sequence: 0,
            found: RegistryEvents::default(),
        }
    }

    /// Lets seconds go by; the worker beats in each thirtieth.
    fn run(&mut self, seconds: u64, beats: bool) {
        for _ in 0..seconds {
            self.clocks.elapsed += 1;
            if beats && self.clocks.elapsed.is_multiple_of(30) {
                self.sequence += 1;
                let now = self.registry.follow_clocks(self.clocks.read());
                let beat = busy("a", self.sequence, 1, self.sequence);
                self.registry.ingest(&id("w"), beat, now).unwrap();
            }
            self.tick();
        }
    }

    fn tick(&mut self) {
        let now = self.registry.follow_clocks(self.clocks.read());
        let mut events = self.registry.advance(now);
        self.found.transitions.append(&mut events.transitions);
        self.found.lost_jobs += events.lost_jobs;
        self.found.slices.add(events.slices);
    }

    fn view(&mut self) -> WorkerView {
        let now = self.registry.follow_clocks(self.clocks.read());
        self.registry.view(&id("w"), now).unwrap()
    }
}

#[test]
fn a_step_of_the_clock_is_no_silence() {
    for step in [
        HOUR,
        -HOUR,
        30,
        -30,
        2,
        -2,
        2 * 24 * HOUR,
        -48 * HOUR,
        30 * 365 * 24 * HOUR,
    ] {
        let mut receiver = Receiver::new();
        receiver.run(600, true);
        receiver.run(10, false);
        let before = receiver.view();
        receiver.clocks.stepped = step;
        receiver.tick();
        let after = receiver.view();
        assert_eq!(
            (after.state, after.age_ms()),
            (Online, before.age_ms()),
            "{step}"
        );
        assert_eq!(after.now, receiver.clocks.read().wall, "{step}");
        receiver.run(600, true);
        assert_eq!(changes(&receiver.found), [], "{step}");
        assert_eq!(receiver.found.lost_jobs, 0, "{step}");
        let slices = receiver.found.slices;
        assert_eq!(slices.bad, 0, "{step}");
        // One more or less where the minutes of the new time begin.
        assert!((18..=20).contains(&slices.good), "{step}: {slices:?}");
    }
}

#[test]
fn silence_goes_on_through_a_step_and_ends_on_its_date() {
    for step in [HOUR, -HOUR] {
        let mut receiver = Receiver::new();
        receiver.run(30, true);
        receiver.run(100, false);
        receiver.clocks.stepped = step;
        receiver.run(199, false);
        assert_eq!(receiver.view().state, Late, "{step}");
        receiver.run(1, false);
        assert_eq!(
            receiver.view().state,
            Offline,
            "{step}: 300 s after its beat"
        );
        // Set right again: it stays offline, and is forgotten after an hour of silence.
        receiver.clocks.stepped = 0;
        receiver.tick();
        assert_eq!(receiver.view().state, Offline, "{step}");
        receiver.run(3_299, false);
        assert_eq!(receiver.view().state, Offline, "{step}");
        receiver.run(1, false);
        assert_eq!(receiver.view().state, Forgotten, "{step}");
        assert_eq!(receiver.found.lost_jobs, 1, "{step}");
    }
}

#[test]
fn a_suspended_receiver_gives_its_workers_time_to_beat_again() {
    let mut receiver = Receiver::new();
    receiver.run(600, true);
    // The monotonic clock stands still while the host sleeps.
    receiver.clocks.stepped += 8 * HOUR;
    receiver.run(60, true);
    assert_eq!(changes(&receiver.found), []);
    assert_eq!(receiver.found.slices.bad, 0);
}

#[test]
fn a_stall_is_neither_made_nor_hidden_by_a_step() {
    let mut receiver = Receiver::new();
    let stuck = |receiver: &mut Receiver, seconds| {
        for _ in 0..seconds {
            receiver.clocks.elapsed += 1;
            if receiver.clocks.elapsed.is_multiple_of(30) {
                receiver.sequence += 1;
                let now = receiver.registry.follow_clocks(receiver.clocks.read());
                let beat = busy("a", receiver.sequence, 1, 0);
                receiver.registry.ingest(&id("w"), beat, now).unwrap();
            }
        }
    };
    stuck(&mut receiver, 60);
    receiver.clocks.stepped = HOUR;
    stuck(&mut receiver, 240);
    assert_eq!(receiver.view().state, Online);
    stuck(&mut receiver, 60);
    assert_eq!(receiver.view().state, Stalled);
    receiver.clocks.stepped = 0;
    assert_eq!(receiver.view().state, Stalled);
}

#[test]
fn a_worker_that_expires_after_a_step_back_is_deleted_from_the_store_too() {
    let mut receiver = Receiver::new();
    receiver.run(30, true);
    let stored = receiver.view().row.last_seen;
    receiver.clocks.stepped = -HOUR;
    receiver.tick();
    receiver.clocks.elapsed += 86_400;
    let now = receiver.registry.follow_clocks(receiver.clocks.read());
    let found = receiver.registry.advance(now);
    let delete = StoreOp::DeleteWorker(id("w"), stored);
    assert!(found.store_ops.contains(&delete), "{:?}", found.store_ops);
}

#[test]
fn a_newer_beat_with_an_older_date_is_one_of_now() {
    let mut receiver = Receiver::new();
    receiver.run(60, true);
    // What another receiver got, whose clock stands where ours was.
    receiver.clocks.stepped = HOUR;
    for round in 0..20 {
        receiver.run(30, false);
        let wall = receiver.clocks.read().wall;
        let mut row = receiver.view().row;
        row.sequence += 1;
        row.last_seen = Some(wall - jiff::SignedDuration::from_secs(HOUR));
        row.progressed_at = row.last_seen;
        let now = receiver.registry.follow_clocks(receiver.clocks.read());
        receiver.registry.merge(vec![row], now);
        assert_eq!(receiver.view().state, Online, "round {round}");
    }
    assert_eq!(changes(&receiver.found), []);
}
