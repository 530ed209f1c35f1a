//! A slow reference of the registry, which keeps every beat and works everything out anew, second by
//! second.

use std::collections::HashMap;

use super::*;

const STALLED: u64 = 45;
const OFFLINE: u64 = 60;
const FORGOTTEN: u64 = 150;
const EXPIRED: u64 = 240;

/// All beats of one worker since it was unknown, with the second of their arrival.
type BeatLog = Vec<(u64, Beat)>;

/// A worker as its log of beats describes it.
#[derive(Clone)]
struct ReferenceWorker {
    boots: Vec<String>,
    latest: Beat,
    seen_at: u64,
    progressed_at: u64,
    restarts: u64,
}

impl ReferenceWorker {
    fn state(&self, now: u64) -> WorkerState {
        let silence = now - self.seen_at;
        let work = self.latest.progress.in_flight > 0;
        if silence >= EXPIRED {
            WorkerState::Expired
        } else if self.latest.state == LifecycleState::Stopped {
            WorkerState::Stopped
        } else if silence >= FORGOTTEN {
            WorkerState::Forgotten
        } else if silence >= OFFLINE {
            WorkerState::Offline
        } else if silence >= 2 * self.latest.interval.as_secs() {
            WorkerState::Late
        } else if work && now - self.progressed_at >= STALLED {
            WorkerState::Stalled
        } else {
            WorkerState::Online
        }
    }

    fn apply(&mut self, at: u64, beat: &Beat) {
        let current = self.boots.last().unwrap() == &*beat.boot_id;
        let is_known = self.boots.iter().any(|boot| **boot == *beat.boot_id);
        let is_gone = matches!(
            self.state(at),
            WorkerState::Offline | WorkerState::Forgotten | WorkerState::Stopped
        );
        let is_new = match (current, is_known) {
            (true, _) => beat.sequence > self.latest.sequence,
            (false, true) => is_gone && beat.state != LifecycleState::Stopped,
            (false, false) => true,
        };
        if !is_new {
            return;
        }
        let (was, is) = (&self.latest.progress, &beat.progress);
        let has_started = is.in_flight > 0 && was.in_flight == 0;
        if !current || was.processed_total != is.processed_total || has_started {
            self.progressed_at = at;
        }
        if !current {
            self.boots.retain(|boot| **boot != *beat.boot_id);
            self.boots.push(beat.boot_id.to_string());
            let keep = self.boots.len().saturating_sub(10);
            self.boots.drain(..keep);
            self.restarts += u64::from(!is_known);
        }
        (self.latest, self.seen_at) = (beat.clone(), at);
    }
}

fn replay(log: &BeatLog) -> Option<ReferenceWorker> {
    let (at, first) = log.first()?;
    let mut worker = ReferenceWorker {
        boots: vec![first.boot_id.to_string()],
        latest: first.clone(),
        seen_at: *at,
        progressed_at: *at,
        restarts: 0,
    };
    log[1..]
        .iter()
        .for_each(|(at, beat)| worker.apply(*at, beat));
    Some(worker)
}

/// A generator of random beats from a fixed seed.
struct BeatGenerator(u64);

impl BeatGenerator {
    fn random_below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn beat(&mut self, log: &BeatLog) -> Beat {
        let before = log.last().map(|(_, beat)| beat.clone());
        let before = before.unwrap_or_else(|| busy("0", 0, 0, 0));
        let boot = match self.random_below(20) {
            0 => self.random_below(1000).to_string(),
            1 | 2 => log
                .first()
                .map_or("0".into(), |(_, beat)| beat.boot_id.to_string()),
            _ => before.boot_id.to_string(),
        };
        let sequence = match self.random_below(6) {
            0 => before.sequence,
            1 => before.sequence.saturating_sub(1),
            step => before.sequence + step,
        };
        let done = before.progress.processed_total + u64::from(self.random_below(8) == 0);
        let mut beat = busy(&boot, sequence, self.random_below(5).min(1), done);
        beat.interval = Duration::from_secs([5, 10, 29, 31, 90][self.random_below(5) as usize]);
        if self.random_below(12) == 0 {
            beat.state = LifecycleState::Stopped;
        }
        beat
    }
}

/// Both registries, and the current second.
struct RandomWalk {
    registry: WorkerRegistry,
    logs: HashMap<BeatId, BeatLog>,
    states: HashMap<BeatId, WorkerState>,
    now: u64,
    changed: Vec<(BeatId, WorkerState, Timestamp)>,
    good: u64,
    bad: u64,
}

impl RandomWalk {
    /// Every second is looked at, also by the slow one.
    fn step(&mut self) {
        self.now += 1;
        if self.now.is_multiple_of(60) {
            self.count_slice();
        }
        let now = self.now;
        for (id, log) in &mut self.logs {
            let state = replay(log).map_or(WorkerState::Expired, |worker| worker.state(now));
            record_change(&mut self.states, &mut self.changed, id, state, now);
            if state == WorkerState::Expired {
                log.clear();
            }
        }
    }

    fn count_slice(&mut self) {
        for worker in self.logs.values().filter_map(replay) {
            let age = self.now - worker.seen_at;
            let stopped = worker.latest.state == LifecycleState::Stopped;
            if !stopped && age <= FORGOTTEN {
                self.good += u64::from(age <= OFFLINE);
                self.bad += u64::from(age > OFFLINE);
            }
        }
    }

    fn beat(&mut self, id: &BeatId, generator: &mut BeatGenerator) {
        let log = self.logs.entry(id.clone()).or_default();
        let beat = generator.beat(log);
        log.push((self.now, beat.clone()));
        let state = replay(log).unwrap().state(self.now);
        record_change(&mut self.states, &mut self.changed, id, state, self.now);
        self.registry.ingest(id, beat, at(self.now)).unwrap();
    }

    fn compare(&mut self) {
        let now = at(self.now);
        let mut found = self.registry.advance(now);
        let slices = std::mem::take(&mut found.slices);
        assert_eq!(
            (slices.good, slices.bad),
            (self.good, self.bad),
            "at {}",
            self.now
        );
        (self.good, self.bad) = (0, 0);
        for (id, log) in &self.logs {
            let view = self.registry.view(id, now);
            let slow = replay(log);
            assert_eq!(
                view.map(|view| (view.state, view.row.last_seen, view.row.restarts)),
                slow.map(|worker| (
                    worker.state(self.now),
                    Some(at(worker.seen_at)),
                    worker.restarts
                )),
                "{id} at {}",
                self.now
            );
        }
        let found = found
            .transitions
            .into_iter()
            .map(|change| (change.id, change.to, change.at));
        assert_eq!(
            sorted(found.collect()),
            sorted(std::mem::take(&mut self.changed))
        );
    }
}

fn record_change(
    states: &mut HashMap<BeatId, WorkerState>,
    changed: &mut Vec<(BeatId, WorkerState, Timestamp)>,
    id: &BeatId,
    state: WorkerState,
    now: u64,
) {
    let before = states
        .insert(id.clone(), state)
        .unwrap_or(WorkerState::Expired);
    // The first beat of somebody unknown is no change of state.
    if before != state && before != WorkerState::Expired {
        changed.push((id.clone(), state, at(now)));
    }
}

fn sorted(mut all: Vec<(BeatId, WorkerState, Timestamp)>) -> Vec<(BeatId, WorkerState, Timestamp)> {
    all.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    all
}

#[test]
fn a_random_walk_agrees_with_the_reference_registry() {
    for seed in 1..=5 {
        let timeouts = StateTimeouts {
            stalled_after: Duration::from_secs(STALLED),
            offline_after: Duration::from_secs(OFFLINE),
            forget_after: Duration::from_secs(FORGOTTEN),
            expire_after: Duration::from_secs(EXPIRED),
            capacity: 10,
        };
        let mut generator = BeatGenerator(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut walk = RandomWalk {
            registry: WorkerRegistry::new(timeouts, start()),
            logs: HashMap::new(),
            states: HashMap::new(),
            now: 0,
            changed: Vec::new(),
            good: 0,
            bad: 0,
        };
        // So that silence is known from the first slice on.
        for _ in 0..100 {
            walk.step();
            walk.registry.advance(at(walk.now));
        }
        for _ in 0..1500 {
            let pause = [0, 1, 7, 20, 58][generator.random_below(5) as usize];
            (0..pause).for_each(|_| walk.step());
            let name = id(&format!("w{}", generator.random_below(5)));
            walk.beat(&name, &mut generator);
            if generator.random_below(3) == 0 {
                walk.compare();
            }
        }
        walk.compare();
    }
}
