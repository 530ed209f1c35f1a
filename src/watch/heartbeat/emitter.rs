//! When whose beat is due, and what is in it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::config::Config;
use crate::model::heartbeat::{Beat, Condition, Progress, Role};
use crate::model::snapshot::Latest;
use crate::record::clock::Clock;
use crate::record::instruments::{Crew, Executions, Member, Number, Tally, Watched};

/// Makes the beats of this process.
#[derive(Debug)]
pub(crate) struct Emitter {
    sources: Sources,
    boot_id: Arc<str>,
    version: Option<Arc<str>>,
    interval: Duration,
    /// Of all members together, so that one that comes back goes on where it was.
    sequence: u64,
    due: HashMap<Number, Instant>,
    /// When each made progress last. The same moment must have the same date in every beat, though two
    /// clocks are never read at once: a date that wanders by a nanosecond looks like progress.
    progressed: HashMap<Number, (Instant, Option<Timestamp>)>,
    random: RandomState,
}

/// Where beats find what they carry.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) clock: Clock,
    pub(crate) crew: Crew,
    pub(crate) jobs: Watched,
    pub(crate) executions: Executions,
    pub(crate) latest: Latest,
}

/// The progress of everybody at one moment.
#[derive(Debug)]
pub(super) struct Standing {
    tallies: HashMap<Number, Tally>,
    progressed: HashMap<Number, (Instant, Option<Timestamp>)>,
    queue_depth: Option<u64>,
    now: Instant,
}

impl Emitter {
    pub(crate) fn new(config: &Config, sources: Sources) -> Self {
        let random = RandomState::new();
        Self {
            boot_id: boot_id(&random, sources.clock.wall()).into(),
            version: config.service.version.as_deref().map(Arc::from),
            interval: config.heartbeat.interval,
            sequence: 0,
            due: HashMap::new(),
            progressed: HashMap::new(),
            random,
            sources,
        }
    }

    /// Those whose beat is due; their next one is an interval away, more or less.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Member> {
        let present = self.sources.crew.present();
        self.due.retain(|number, _| is_present(&present, *number));
        let is_due = |member: &Member| self.due.get(&member.number).is_none_or(|due| *due <= now);
        let due: Vec<_> = present.into_iter().filter(is_due).collect();
        for member in &due {
            let next = now + self.jittered(member.number);
            self.due.insert(member.number, next);
        }
        due
    }

    /// When the next beat is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// Those who have left, with how far they had come.
    pub(super) fn left(&mut self) -> Vec<(Member, Progress)> {
        let left = self.sources.crew.left();
        if left.is_empty() {
            return Vec::new();
        }
        let standing = self.standing();
        self.sources.jobs.prune(&self.sources.crew.present());
        let with_progress = |member: Member| {
            let progress = standing.of(&member);
            (member, progress)
        };
        left.into_iter().map(with_progress).collect()
    }

    pub(super) fn standing(&mut self) -> Standing {
        let sources = &self.sources;
        let now = sources.clock.now();
        let mut tallies = sources.jobs.tallies();
        tallies.extend(sources.executions.tallies());
        let queues = &sources.latest.read().queues;
        let depth = queues.iter().map(|(_, queue)| queue.depth);
        let queue_depth = (!queues.is_empty()).then(|| depth.sum());
        self.date(&tallies, now);
        Standing {
            tallies,
            progressed: self.progressed.clone(),
            queue_depth,
            now,
        }
    }

    /// Dates what progress was made since the last beats.
    fn date(&mut self, tallies: &HashMap<Number, Tally>, now: Instant) {
        let wall = self.sources.clock.wall();
        self.progressed
            .retain(|number, _| tallies.contains_key(number));
        for (number, tally) in tallies {
            let Some(at) = tally.progressed else { continue };
            let known = self.progressed.get(number);
            if known.is_none_or(|(known, _)| *known != at) {
                let date = wall.checked_sub(now.saturating_duration_since(at));
                let date = date.and_then(|date| Timestamp::try_from(date).ok());
                self.progressed.insert(*number, (at, date));
            }
        }
    }

    /// A beat with a sequence of its own.
    pub(super) fn beat(&mut self, role: Role, condition: Condition, progress: Progress) -> Beat {
        self.sequence += 1;
        Beat {
            boot_id: Arc::clone(&self.boot_id),
            sequence: self.sequence,
            role,
            interval: self.interval,
            condition,
            sent_at: Timestamp::try_from(self.sources.clock.wall()).ok(),
            version: self.version.clone(),
            progress,
        }
    }

    /// The interval moved by up to a tenth, so that a fleet that was started together does not beat
    /// together.
    fn jittered(&self, number: Number) -> Duration {
        let tenth = u64::try_from(self.interval.as_nanos() / 10).unwrap_or(u64::MAX);
        let random = self.random.hash_one((number, self.sequence));
        let moved = random % (2 * tenth).max(1);
        self.interval - Duration::from_nanos(tenth) + Duration::from_nanos(moved)
    }
}

impl Standing {
    pub(super) fn of(&self, member: &Member) -> Progress {
        let tally = self.tallies.get(&member.number).copied();
        let tally = tally.unwrap_or_default();
        let progressed = self.progressed.get(&member.number);
        Progress {
            in_flight: tally.in_flight,
            in_flight_overdue: tally.overdue,
            processed_total: tally.processed,
            failed_total: tally.failed,
            last_progress_at: progressed.and_then(|(_, date)| *date),
            oldest_in_flight: tally.oldest.map(|at| self.since(at)),
            // What waits for the workers keeps no schedule waiting.
            queue_depth: match member.role {
                Role::Worker => self.queue_depth,
                Role::Scheduler => None,
            },
        }
    }

    fn since(&self, at: Instant) -> Duration {
        self.now.saturating_duration_since(at)
    }
}

fn is_present(present: &[Member], number: Number) -> bool {
    present
        .binary_search_by_key(&number, |member| member.number)
        .is_ok()
}

/// 32 hexadecimal digits.
fn boot_id(random: &RandomState, now: SystemTime) -> String {
    let half = |part: u8| random.hash_one((part, std::process::id(), now));
    format!("{:016x}{:016x}", half(0), half(1))
}
