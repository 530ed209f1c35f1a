//! A slow roster, which keeps every beat and works everything out anew, second by second.

use std::collections::HashMap;

use super::*;

const STALLED: u64 = 45;
const OFFLINE: u64 = 60;
const EXPIRED: u64 = 240;

/// All beats of one worker since it was unknown, with the second of their arrival.
type Log = Vec<(u64, Beat)>;

/// What the log says of a worker, all beats taken in that came until then.
#[derive(Clone)]
struct Known {
    boots: Vec<String>,
    latest: Beat,
    seen: u64,
    moved: u64,
    restarts: u64,
}

impl Known {
    fn state(&self, now: u64) -> State {
        let silent = now - self.seen;
        let work = self.latest.progress.in_flight > 0;
        if silent >= EXPIRED {
            State::Expired
        } else if self.latest.condition == Condition::Stopped {
            State::Stopped
        } else if silent >= OFFLINE {
            State::Offline
        } else if silent >= 2 * self.latest.interval.as_secs() {
            State::Late
        } else if work && now - self.moved >= STALLED {
            State::Stalled
        } else {
            State::Online
        }
    }

    fn hear(&mut self, at: u64, beat: &Beat) {
        let current = self.boots.last().unwrap() == &*beat.boot_id;
        let known = self.boots.iter().any(|boot| **boot == *beat.boot_id);
        let gone = matches!(self.state(at), State::Offline | State::Stopped);
        let news = match (current, known) {
            (true, _) => beat.sequence > self.latest.sequence,
            (false, true) => gone && beat.condition != Condition::Stopped,
            (false, false) => true,
        };
        if !news {
            return;
        }
        let (was, is) = (&self.latest.progress, &beat.progress);
        let appeared = is.in_flight > 0 && was.in_flight == 0;
        if !current || was.processed_total != is.processed_total || appeared {
            self.moved = at;
        }
        if !current {
            self.boots.retain(|boot| **boot != *beat.boot_id);
            self.boots.push(beat.boot_id.to_string());
            let keep = self.boots.len().saturating_sub(10);
            self.boots.drain(..keep);
            self.restarts += u64::from(!known);
        }
        (self.latest, self.seen) = (beat.clone(), at);
    }
}

fn known(log: &Log) -> Option<Known> {
    let (at, first) = log.first()?;
    let mut known = Known {
        boots: vec![first.boot_id.to_string()],
        latest: first.clone(),
        seen: *at,
        moved: *at,
        restarts: 0,
    };
    log[1..].iter().for_each(|(at, beat)| known.hear(*at, beat));
    Some(known)
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn beat(&mut self, log: &Log) -> Beat {
        let before = log.last().map(|(_, beat)| beat.clone());
        let before = before.unwrap_or_else(|| busy("0", 0, 0, 0));
        let boot = match self.roll(20) {
            0 => self.roll(1000).to_string(),
            1 | 2 => log
                .first()
                .map_or("0".into(), |(_, beat)| beat.boot_id.to_string()),
            _ => before.boot_id.to_string(),
        };
        let sequence = match self.roll(6) {
            0 => before.sequence,
            1 => before.sequence.saturating_sub(1),
            step => before.sequence + step,
        };
        let done = before.progress.processed_total + u64::from(self.roll(8) == 0);
        let mut beat = busy(&boot, sequence, self.roll(5).min(1), done);
        beat.interval = Duration::from_secs([5, 10, 29, 31, 90][self.roll(5) as usize]);
        if self.roll(12) == 0 {
            beat.condition = Condition::Stopped;
        }
        beat
    }
}

/// Both rosters, and the second that it is.
struct Walk {
    roster: Roster,
    logs: HashMap<BeatId, Log>,
    states: HashMap<BeatId, State>,
    now: u64,
    changed: Vec<(BeatId, State, Timestamp)>,
    good: u64,
    bad: u64,
}

impl Walk {
    /// Every second is looked at, also by the slow one.
    fn step(&mut self) {
        self.now += 1;
        if self.now.is_multiple_of(60) {
            self.judge_slice();
        }
        let now = self.now;
        for (id, log) in &mut self.logs {
            let state = known(log).map_or(State::Expired, |known| known.state(now));
            note(&mut self.states, &mut self.changed, id, state, now);
            if state == State::Expired {
                log.clear();
            }
        }
    }

    fn judge_slice(&mut self) {
        for known in self.logs.values().filter_map(known) {
            let age = self.now - known.seen;
            let stopped = known.latest.condition == Condition::Stopped;
            if !stopped && age <= EXPIRED {
                self.good += u64::from(age <= OFFLINE);
                self.bad += u64::from(age > OFFLINE);
            }
        }
    }

    fn beat(&mut self, id: &BeatId, dice: &mut Dice) {
        let log = self.logs.entry(id.clone()).or_default();
        let beat = dice.beat(log);
        log.push((self.now, beat.clone()));
        let state = known(log).unwrap().state(self.now);
        note(&mut self.states, &mut self.changed, id, state, self.now);
        self.roster.beat(id, beat, at(self.now)).unwrap();
    }

    fn compare(&mut self) {
        let now = at(self.now);
        let mut found = self.roster.advance(now);
        let slices = std::mem::take(&mut found.slices);
        assert_eq!(
            (slices.good, slices.bad),
            (self.good, self.bad),
            "at {}",
            self.now
        );
        (self.good, self.bad) = (0, 0);
        for (id, log) in &self.logs {
            let view = self.roster.view(id, now);
            let slow = known(log);
            assert_eq!(
                view.map(|view| (view.state, view.row.last_seen, view.row.restarts)),
                slow.map(|known| (known.state(self.now), Some(at(known.seen)), known.restarts)),
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

fn note(
    states: &mut HashMap<BeatId, State>,
    changed: &mut Vec<(BeatId, State, Timestamp)>,
    id: &BeatId,
    state: State,
    now: u64,
) {
    let before = states.insert(id.clone(), state).unwrap_or(State::Expired);
    // The first beat of somebody unknown is no change of state.
    if before != state && before != State::Expired {
        changed.push((id.clone(), state, at(now)));
    }
}

fn sorted(mut all: Vec<(BeatId, State, Timestamp)>) -> Vec<(BeatId, State, Timestamp)> {
    all.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    all
}

#[test]
fn a_random_walk_agrees_with_a_roster_that_works_everything_out_anew() {
    for seed in 1..=5 {
        let terms = Terms {
            stalled_after: Duration::from_secs(STALLED),
            offline_after: Duration::from_secs(OFFLINE),
            expire_after: Duration::from_secs(EXPIRED),
            capacity: 10,
        };
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut walk = Walk {
            roster: Roster::new(terms, start()),
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
            walk.roster.advance(at(walk.now));
        }
        for _ in 0..1500 {
            let pause = [0, 1, 7, 20, 58][dice.roll(5) as usize];
            (0..pause).for_each(|_| walk.step());
            let name = id(&format!("w{}", dice.roll(5)));
            walk.beat(&name, &mut dice);
            if dice.roll(3) == 0 {
                walk.compare();
            }
        }
        walk.compare();
    }
}
