//! Log lines about workers whose state changes.
//!
//! One line for each change that an operator must know, and a number for the rest: when a whole
//! fleet goes, a thousand equal lines hide the cause.

use crate::background::log_queue::LogQueue;
use std::time::{Duration, Instant};

use crate::model::heartbeat::BeatId;
use crate::model::units::format_duration;
use crate::watch::heartbeat::registry::{ClockSkew, WorkerState, WorkerTransition};

/// Lines for one tick; of more, only the number is logged.
const MAX_LINES: usize = 20;

/// Logs the changes that matter, worst first, and the number of those that exceed the limit;
/// `dropped` were never kept.
pub(super) fn log_transitions(
    log_queue: &LogQueue,
    transitions: Vec<WorkerTransition>,
    dropped: u64,
) {
    let mut notable: Vec<_> = transitions.into_iter().filter(is_notable).collect();
    // Where there are too many, the worst are said.
    notable.sort_by_key(severity_rank);
    if notable.is_empty() && dropped == 0 {
        return;
    }
    log_queue.write(move || {
        for change in notable.iter().take(MAX_LINES) {
            log_transition(change);
        }
        let more = dropped + notable.len().saturating_sub(MAX_LINES) as u64;
        if more > 0 {
            tracing::warn!(
                changes = more,
                "more workers changed their state at the same time"
            );
        }
    });
}

/// Logs lost jobs in a line of their own.
pub(super) fn log_lost_jobs(log_queue: &LogQueue, jobs: u64) {
    if jobs > 0 {
        log_queue
            .write(move || tracing::error!(jobs, "jobs were lost with the workers that ran them"));
    }
}

/// Logs workers whose clocks are off.
pub(super) fn log_clock_skews(log_queue: &LogQueue, skews: Vec<ClockSkew>) {
    if skews.is_empty() {
        return;
    }
    log_queue.write(move || {
        for ClockSkew { id, millis } in skews.iter().take(MAX_LINES) {
            let off_by = format_duration(Duration::from_millis(millis.unsigned_abs()));
            // Positive is behind, because the skew is the receiver's time minus the sender's.
            if *millis > 0 {
                tracing::warn!(worker = %id, off_by, "a worker's clock is behind this host's");
            } else {
                tracing::warn!(worker = %id, off_by, "a worker's clock is ahead of this host's");
            }
        }
        let more = skews.len().saturating_sub(MAX_LINES);
        if more > 0 {
            tracing::warn!(workers = more, "the clocks of more workers are wrong");
        }
    });
}

/// The workers that were restarted since the last tick without a goodbye.
#[derive(Debug, Default)]
pub(super) struct RestartLog {
    ids: Vec<BeatId>,
    more: u64,
}

impl RestartLog {
    pub(super) fn add(&mut self, id: &BeatId) {
        if self.ids.len() < MAX_LINES {
            self.ids.push(id.clone());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn log(self, log_queue: &LogQueue) {
        if self.ids.is_empty() {
            return;
        }
        log_queue.write(move || {
            for worker in &self.ids {
                tracing::warn!(%worker, "a worker was restarted without signing off, or two workers use the same id");
            }
            if self.more > 0 {
                tracing::warn!(workers = self.more, "more workers were restarted");
            }
        });
    }
}

/// The workers that made room for others, logged once a minute at most: a flood brings many.
#[derive(Debug, Default)]
pub(super) struct EvictionLog {
    workers: u64,
    logged_at: Option<Instant>,
}

impl EvictionLog {
    const INTERVAL: Duration = Duration::from_secs(60);

    pub(super) fn log(&mut self, log_queue: &LogQueue, evicted: u64, now: Instant) {
        self.workers += evicted;
        let is_quiet = |at: Instant| now.saturating_duration_since(at) >= Self::INTERVAL;
        if self.workers > 0 && self.logged_at.is_none_or(is_quiet) {
            self.logged_at = Some(now);
            let workers = std::mem::take(&mut self.workers);
            log_queue.write(move || {
                tracing::warn!(
                    workers,
                    "silent workers made room for new ones: there are as many as heartbeat.capacity allows"
                );
            });
        }
    }
}

/// Returns whether a change is logged: not where a worker comes or goes as it should.
fn is_notable(change: &WorkerTransition) -> bool {
    let bad = |state| {
        matches!(
            state,
            WorkerState::Late | WorkerState::Stalled | WorkerState::Offline
        )
    };
    bad(change.from) || bad(change.to)
}

/// Returns the rank of a change, worst first.
const fn severity_rank(change: &WorkerTransition) -> u8 {
    match change.to {
        WorkerState::Offline => 0,
        WorkerState::Stalled => 1,
        WorkerState::Late => 2,
        _ => 3,
    }
}

fn log_transition(change: &WorkerTransition) {
    let (worker, at) = (&change.id, &change.at);
    match change.to {
        WorkerState::Offline => tracing::error!(%worker, %at, "a worker is offline"),
        WorkerState::Stalled => {
            tracing::warn!(%worker, %at, "a worker sends heartbeats but makes no progress");
        }
        WorkerState::Late => tracing::info!(%worker, %at, "a worker's beat is late"),
        WorkerState::Forgotten => {
            tracing::info!(%worker, %at, "a worker that stays offline counts no more");
        }
        to => {
            tracing::info!(%worker, %at, state = to.as_str(), "a worker has recovered or signed off");
        }
    }
}
