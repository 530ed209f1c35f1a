//! The heartbeat of the process: its schedule and its phases, without the thread.
//!
//! | phase | beats say | leaves by |
//! |---|---|---|
//! | running | `running` | `drain`, `stop` |
//! | draining | `draining` | `stop` |
//! | stopping | only goodbyes, `stopped` | all goodbyes sent, or the deadline |
//! | stopped | none | never |
//!
//! Without a sink there is nothing to wait for, and stopping is over at once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::emitter::{HeartbeatEmitter, HeartbeatSources};
use super::http_sink::HttpSink;
use super::receiver::HeartbeatReceiver;
use crate::background::log_queue::LogQueue;
use crate::model::heartbeat::{BeatProgress, LifecycleState};
use crate::record::instruments::{MissedRuns, WorkerKey};
use crate::record::sync::lock;

/// The interval between two ticks of the receiver: the longest delay of what becomes due.
const TICK: Duration = Duration::from_millis(250);

/// The heartbeat of the process. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct HeartbeatService(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: HeartbeatSources,
    receiver: Arc<HeartbeatReceiver>,
    state: Mutex<ServiceState>,
}

/// Behind one lock: phase and queue change together.
#[derive(Debug)]
struct ServiceState {
    emitter: HeartbeatEmitter,
    http_sink: Option<HttpSink>,
    /// The instant of the receiver's next tick.
    next_tick: Option<Instant>,
    phase: ServicePhase,
}

enum ServicePhase {
    Running,
    Draining,
    /// Goodbyes are sent, until then.
    Stopping(Instant, StopCallback),
    /// No beats are sent any more.
    Stopped,
}

/// A callback when goodbyes were sent, or it is too late for them.
pub(crate) type StopCallback = Box<dyn FnOnce() + Send>;

impl fmt::Debug for ServicePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "Running",
            Self::Draining => "Draining",
            Self::Stopping(..) => "Stopping",
            Self::Stopped => "Stopped",
        })
    }
}

impl HeartbeatService {
    pub(crate) fn new(
        sources: HeartbeatSources,
        emitter: HeartbeatEmitter,
        receiver: Arc<HeartbeatReceiver>,
        http_sink: Option<HttpSink>,
    ) -> Self {
        let state = ServiceState {
            emitter,
            http_sink,
            next_tick: None,
            phase: ServicePhase::Running,
        };
        Self(Arc::new(Inner {
            sources,
            receiver,
            state: Mutex::new(state),
        }))
    }

    /// Sends due beats; returns the instant of the next tick.
    pub(crate) fn tick(&self, log_queue: &LogQueue) -> Instant {
        let now = self.now();
        let mut state = self.lock();
        if state.next_tick.is_none_or(|next_tick| next_tick <= now) {
            state.next_tick = Some(now + TICK);
            self.0.receiver.tick(log_queue);
            // A process that drains begins no more runs, and misses none.
            if matches!(state.phase, ServicePhase::Running) {
                self.count_missed_runs(now, log_queue);
            }
        }
        self.send_due_beats(&mut state, now);
        let next_send = state.send(&self.0.sources, now, log_queue);
        let next_tick = state.next_tick.unwrap_or(now);
        let due = [Some(next_tick), state.emitter.next_due(), next_send];
        due.into_iter().flatten().min().unwrap_or(next_tick)
    }

    /// Counts the runs that the schedulers of this process should have begun.
    fn count_missed_runs(&self, now: Instant, log_queue: &LogQueue) {
        let sources = &self.0.sources;
        let missed = sources
            .executions
            .count_missed_runs(now, sources.clock.wall());
        if missed.is_empty() {
            return;
        }
        log_queue.write(move || {
            for MissedRuns {
                schedule,
                runs,
                due,
            } in &missed
            {
                tracing::warn!(%schedule, runs, %due, "a scheduled run that was due has not started");
            }
        });
    }

    /// Sends beats with the state `draining` from now on.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        if matches!(state.phase, ServicePhase::Running) {
            state.phase = ServicePhase::Draining;
            // At once, so that pages show it before the process is gone.
            self.send_all(&mut state, LifecycleState::Draining);
        }
    }

    /// Sends goodbyes for all workers, and no beats after that.
    pub(crate) fn stop(&self, within: Duration, done: StopCallback) {
        let mut state = self.lock();
        if matches!(
            state.phase,
            ServicePhase::Stopping(..) | ServicePhase::Stopped
        ) {
            return done();
        }
        // Those of removed workers first: they have final progress of their own.
        self.send_goodbyes(&mut state);
        self.send_all(&mut state, LifecycleState::Stopped);
        if state.stop() {
            state.phase = ServicePhase::Stopping(self.now() + within, done);
        } else {
            state.phase = ServicePhase::Stopped;
            done();
        }
    }

    /// Resolves when there may be something to do before its time.
    pub(super) async fn wait_for_wake(&self) {
        self.0.sources.worker_keys.changed().await;
    }

    pub(super) fn wake(&self) {
        self.0.sources.worker_keys.wake();
    }

    pub(super) fn now(&self) -> Instant {
        self.0.sources.clock.now()
    }

    /// Sends the beats that are due.
    fn send_due_beats(&self, state: &mut ServiceState, now: Instant) {
        let lifecycle = match state.phase {
            ServicePhase::Running => LifecycleState::Running,
            ServicePhase::Draining => LifecycleState::Draining,
            ServicePhase::Stopping(..) | ServicePhase::Stopped => return,
        };
        self.send_goodbyes(state);
        let due = state.emitter.take_due(now);
        self.send_beats(state, due, lifecycle);
    }

    /// Sends a beat of every worker at once.
    fn send_all(&self, state: &mut ServiceState, lifecycle: LifecycleState) {
        self.send_beats(state, self.0.sources.worker_keys.registered(), lifecycle);
        self.wake();
    }

    /// Sends the goodbyes of removed workers.
    fn send_goodbyes(&self, state: &mut ServiceState) {
        for (worker, progress) in state.emitter.take_removed() {
            self.send_beat(state, worker, LifecycleState::Stopped, Some(progress));
        }
    }

    /// Sends a beat of each of these workers.
    fn send_beats(
        &self,
        state: &mut ServiceState,
        workers: Vec<WorkerKey>,
        lifecycle: LifecycleState,
    ) {
        if workers.is_empty() {
            return;
        }
        let snapshot = state.emitter.progress_snapshot();
        for worker in workers {
            // Over HTTP it is read when the beat is built, which may be later.
            let progress = (!state.sends_http()).then(|| snapshot.progress(&worker));
            self.send_beat(state, worker, lifecycle, progress);
        }
    }

    /// Queues a beat or passes it to the receiver. Without progress, it is read when the beat is sent.
    fn send_beat(
        &self,
        state: &mut ServiceState,
        worker: WorkerKey,
        lifecycle: LifecycleState,
        progress: Option<BeatProgress>,
    ) {
        if let Some(http_sink) = &mut state.http_sink {
            return http_sink.push(worker, lifecycle, progress);
        }
        let progress = progress.unwrap_or_default();
        let beat = state.emitter.build_beat(worker.role, lifecycle, progress);
        self.0.receiver.receive(&worker.id, beat);
    }

    fn lock(&self) -> MutexGuard<'_, ServiceState> {
        lock(&self.0.state)
    }
}

impl ServiceState {
    const fn sends_http(&self) -> bool {
        self.http_sink.is_some()
    }

    /// Stops the queue; returns whether goodbyes wait.
    fn stop(&mut self) -> bool {
        let http_sink = self.http_sink.as_mut();
        http_sink.is_some_and(|http_sink| {
            http_sink.stop();
            !http_sink.is_empty()
        })
    }

    /// Sends queued beats; returns the instant of the next send.
    fn send(
        &mut self,
        sources: &HeartbeatSources,
        now: Instant,
        log_queue: &LogQueue,
    ) -> Option<Instant> {
        let http_sink = self.http_sink.as_mut()?;
        if matches!(self.phase, ServicePhase::Stopped) {
            return None;
        }
        http_sink.send_due(&mut self.emitter, &sources.worker_keys, now, log_queue);
        let next_wakeup = http_sink.next_wakeup();
        let ServicePhase::Stopping(until, _) = self.phase else {
            return next_wakeup;
        };
        let is_done = http_sink.is_empty();
        if !is_done && now < until {
            // The deadline must be noticed although nothing is answered.
            return Some(next_wakeup.map_or(until, |next_wakeup| next_wakeup.min(until)));
        }
        if !is_done {
            log_queue.write(|| {
                tracing::warn!(
                    "not all workers could sign off in time: the receiver will consider them offline"
                );
            });
        }
        if let ServicePhase::Stopping(_, done) =
            std::mem::replace(&mut self.phase, ServicePhase::Stopped)
        {
            done();
        }
        None
    }
}

#[cfg(test)]
mod tests;
