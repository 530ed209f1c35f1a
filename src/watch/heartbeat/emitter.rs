//! The emitter of beats: when each worker's beat is due, and its contents.
//!
//! | a beat's field | from |
//! |---|---|
//! | boot id | once per process, at random: a restart is told from a late beat by it |
//! | sequence | one counter for all workers of the process |
//! | progress | the running work, read at the moment of building |
//! | queue depth | the sum of the watched queues; none where none is watched |

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::config::Config;
use crate::model::heartbeat::{Beat, BeatProgress, BeatRole, LifecycleState};
use crate::model::random::random_u64;
use crate::model::snapshot::LatestSnapshot;
use crate::record::clock::Clock;
use crate::record::instruments::{
    ExecutionInstruments, InFlight, Slot, WorkProgress, WorkerKey, WorkerKeys,
};

/// A builder and scheduler of the beats of this process.
#[derive(Debug)]
pub(crate) struct HeartbeatEmitter {
    sources: HeartbeatSources,
    boot_id: Arc<str>,
    version: Option<Arc<str>>,
    interval: Duration,
    /// Sequence number of the latest beat, shared by all workers, so that one that comes back
    /// goes on where it was.
    sequence: u64,
    /// A worker that is missing here has not beaten, and is due at once.
    next_beats: HashMap<Slot, Instant>,
    /// Time of each worker's latest progress. The same moment must have the same date in every
    /// beat, though two clocks are never read at once: a date that wanders by a nanosecond looks
    /// like progress.
    progress_times: HashMap<Slot, (Instant, Option<Timestamp>)>,
}

/// The sources of the values in a beat.
#[derive(Clone, Debug)]
pub(crate) struct HeartbeatSources {
    pub(crate) clock: Clock,
    pub(crate) worker_keys: WorkerKeys,
    pub(crate) in_flight: InFlight,
    /// The executions whose runs are expected.
    pub(crate) executions: ExecutionInstruments,
    pub(crate) snapshot: LatestSnapshot,
}

/// The progress of all workers at one moment.
///
/// Read once for all workers of a round, so that a thousand of them cost one look.
#[derive(Debug)]
pub(super) struct ProgressSnapshot {
    work_progress: HashMap<Slot, WorkProgress>,
    progress_times: HashMap<Slot, (Instant, Option<Timestamp>)>,
    /// The jobs that wait in all queues.
    queue_depth: Option<u64>,
    now: Instant,
}

impl HeartbeatEmitter {
    pub(crate) fn new(config: &Config, sources: HeartbeatSources) -> Self {
        Self {
            boot_id: new_boot_id().into(),
            version: config.service.version.as_deref().map(Arc::from),
            interval: config.heartbeat.interval,
            sequence: 0,
            next_beats: HashMap::new(),
            progress_times: HashMap::new(),
            sources,
        }
    }

    /// Returns the workers whose beat is due and schedules their next one, about an interval later.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<WorkerKey> {
        let registered = self.sources.worker_keys.registered();
        self.next_beats
            // Slots of removed workers would be kept for ever otherwise.
            .retain(|slot, _| is_registered(&registered, *slot));
        let is_due = |worker: &WorkerKey| {
            self.next_beats
                .get(&worker.slot)
                .is_none_or(|at| *at <= now)
        };
        let due: Vec<_> = registered.into_iter().filter(is_due).collect();
        for worker in &due {
            let next_beat = now + self.jittered_interval();
            self.next_beats.insert(worker.slot, next_beat);
        }
        due
    }

    /// Returns the instant of the next beat.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_beats.values().min().copied()
    }

    /// Returns the removed workers with their last progress.
    pub(super) fn take_removed(&mut self) -> Vec<(WorkerKey, BeatProgress)> {
        let removed = self.sources.worker_keys.take_removed();
        if removed.is_empty() {
            return Vec::new();
        }
        // Before pruning, which drops the progress that the goodbyes are to carry.
        let snapshot = self.progress_snapshot();
        self.sources
            .in_flight
            .prune(&self.sources.worker_keys.registered());
        let with_progress = |worker: WorkerKey| {
            let progress = snapshot.progress(&worker);
            (worker, progress)
        };
        removed.into_iter().map(with_progress).collect()
    }

    /// Reads the progress of all workers at once.
    pub(super) fn progress_snapshot(&mut self) -> ProgressSnapshot {
        let sources = &self.sources;
        let now = sources.clock.now();
        let work_progress = sources.in_flight.progress();
        let queues = &sources.snapshot.read().queues;
        let depth = queues.iter().map(|(_, queue)| queue.depth);
        let queue_depth = (!queues.is_empty()).then(|| depth.sum());
        self.record_progress_times(&work_progress, now);
        ProgressSnapshot {
            work_progress,
            progress_times: self.progress_times.clone(),
            queue_depth,
            now,
        }
    }

    /// Records the date of progress since the last beats.
    fn record_progress_times(&mut self, work_progress: &HashMap<Slot, WorkProgress>, now: Instant) {
        let wall = self.sources.clock.wall();
        self.progress_times
            .retain(|slot, _| work_progress.contains_key(slot));
        for (slot, work) in work_progress {
            let Some(at) = work.progressed else { continue };
            let known = self.progress_times.get(slot);
            if known.is_none_or(|(known, _)| *known != at) {
                // Dated once, when it is first seen: a time of day that is set later does not move
                // it.
                let date = wall.checked_sub(now.saturating_duration_since(at));
                let date = date.and_then(|date| Timestamp::try_from(date).ok());
                self.progress_times.insert(*slot, (at, date));
            }
        }
    }

    /// Builds a beat with the next sequence number.
    pub(super) fn build_beat(
        &mut self,
        role: BeatRole,
        state: LifecycleState,
        progress: BeatProgress,
    ) -> Beat {
        self.sequence += 1;
        Beat {
            boot_id: Arc::clone(&self.boot_id),
            sequence: self.sequence,
            role,
            interval: self.interval,
            state,
            sent_at: Timestamp::try_from(self.sources.clock.wall()).ok(),
            version: self.version.clone(),
            progress,
        }
    }

    /// Returns the interval moved by up to a tenth, so that a fleet that was started together does
    /// not beat together.
    fn jittered_interval(&self) -> Duration {
        let tenth = u64::try_from(self.interval.as_nanos() / 10).unwrap_or(u64::MAX);
        let offset = random_u64() % (2 * tenth).max(1);
        self.interval - Duration::from_nanos(tenth) + Duration::from_nanos(offset)
    }
}

impl ProgressSnapshot {
    /// Returns a worker's progress; zeros for one that has not worked yet.
    pub(super) fn progress(&self, worker: &WorkerKey) -> BeatProgress {
        let work = self.work_progress.get(&worker.slot).copied();
        let work = work.unwrap_or_default();
        let progress_time = self.progress_times.get(&worker.slot);
        BeatProgress {
            in_flight: work.in_flight,
            in_flight_overdue: work.overdue,
            processed_total: work.processed,
            failed_total: work.failed,
            last_progress_at: progress_time.and_then(|(_, date)| *date),
            oldest_in_flight: work.oldest.map(|at| self.elapsed_since(at)),
            // What waits for the workers keeps no schedule waiting.
            queue_depth: match worker.role {
                BeatRole::Worker => self.queue_depth,
                BeatRole::Scheduler => None,
            },
        }
    }

    fn elapsed_since(&self, at: Instant) -> Duration {
        self.now.saturating_duration_since(at)
    }
}

/// `registered` is sorted by slot.
fn is_registered(registered: &[WorkerKey], slot: Slot) -> bool {
    registered
        .binary_search_by_key(&slot, |worker| worker.slot)
        .is_ok()
}

/// Returns 32 hexadecimal digits.
fn new_boot_id() -> String {
    format!("{:016x}{:016x}", random_u64(), random_u64())
}
