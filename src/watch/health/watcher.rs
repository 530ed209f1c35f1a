//! The thread that starts runs, keeps their deadlines, and publishes what is known. It runs nothing
//! that a user wrote.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::change::HealthChange;
use super::entry::{CheckEntry, ResultCallback, RunContext};
use super::fallback_runtime::FallbackRuntime;
use super::run::{CheckTask, WatcherMessage};
use super::settings::CheckSettings;
use crate::background::notify::Notifier;
use crate::background::thread;
use crate::config;
use crate::model::snapshot::health::{HealthStatus, LatestHealth, OverallHealth};
use crate::model::snapshot::{LatestSnapshot, health};
use crate::record::clock::Clock;
use crate::record::sync::lock;

/// The longest time between two ticks.
const MAX_TICK_INTERVAL: Duration = Duration::from_secs(60);

/// The health checks of the process and the thread that runs them. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct HealthWatcher(Arc<Inner>);

struct Inner {
    clock: Clock,
    config: config::HealthConfig,
    latest: LatestHealth,
    latest_snapshot: LatestSnapshot,
    messages: Sender<WatcherMessage>,
    receiver: Mutex<Receiver<WatcherMessage>>,
    registry: Mutex<CheckRegistry>,
    next_id: AtomicU64,
    notifier: Notifier<HealthChange>,
    fallback_runtime: FallbackRuntime,
}

/// The registered checks and the latest reported state of the whole.
#[derive(Debug, Default)]
struct CheckRegistry {
    entries: Vec<CheckEntry>,
    sampled: bool,
    started: bool,
    ending: Option<Instant>,
    announced: Option<OverallHealth>,
    stopped: bool,
}

/// A guard that stops the watcher when it is dropped.
#[derive(Debug)]
pub(crate) struct HealthWatcherGuard(Sender<WatcherMessage>);

impl Drop for HealthWatcherGuard {
    fn drop(&mut self) {
        let _ = self.0.send(WatcherMessage::Stop);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthWatcher")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl HealthWatcher {
    /// Publishes into `latest`; `latest_snapshot` holds the samplers' figures.
    pub(crate) fn new(
        clock: Clock,
        config: config::HealthConfig,
        latest: LatestHealth,
        latest_snapshot: LatestSnapshot,
    ) -> Self {
        let (messages, receiver) = channel();
        Self(Arc::new(Inner {
            clock,
            config,
            latest,
            latest_snapshot,
            messages,
            receiver: Mutex::new(receiver),
            registry: Mutex::default(),
            next_id: AtomicU64::new(0),
            notifier: Notifier::default(),
            fallback_runtime: FallbackRuntime::default(),
        }))
    }

    /// Starts watching on a thread of its own; the samplers have looked once.
    pub(crate) fn start(&self) -> io::Result<HealthWatcherGuard> {
        self.0.notifier.start()?;
        self.tick();
        let health = self.clone();
        thread::spawn("vantage-health", move || health.watch())?;
        Ok(HealthWatcherGuard(self.0.messages.clone()))
    }

    /// Starts due runs, records completed ones and publishes; returns the instant of the next tick.
    pub(crate) fn tick(&self) -> Instant {
        let mut registry = lock(&self.0.registry);
        registry.sampled = true;
        // A run that is over wakes nobody here who is not awake already.
        while let Ok(message) = lock(&self.0.receiver).try_recv() {
            registry.handle(message);
        }
        let now = self.0.clock.now();
        let context = RunContext {
            clock: &self.0.clock,
            messages: &self.0.messages,
        };
        for entry in &mut registry.entries {
            entry.poll(now, &context);
        }
        // Those that only look at figures are over already.
        while let Ok(message) = lock(&self.0.receiver).try_recv() {
            registry.handle(message);
        }
        let next = registry
            .entries
            .iter()
            .map(|entry| entry.next_wakeup(now))
            .min();
        self.0.publish(registry);
        next.unwrap_or(now + MAX_TICK_INTERVAL)
            .min(now + MAX_TICK_INTERVAL)
    }

    /// The latest, as plain values.
    #[cfg(feature = "axum")]
    pub(crate) fn latest(&self) -> &LatestHealth {
        &self.0.latest
    }

    /// Evaluates the health of the whole now.
    pub(crate) fn evaluate(&self) -> OverallHealth {
        self.0.latest.read().evaluate(self.0.clock.now())
    }

    /// Makes the service unready; returns since when it is.
    pub(crate) fn begin_shutdown(&self) -> Instant {
        let mut registry = lock(&self.0.registry);
        let since = *registry.ending.get_or_insert_with(Instant::now);
        self.0.publish(registry);
        since
    }

    pub(crate) fn on_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.0.notifier.subscribe(Arc::new(callback));
    }

    pub(super) fn config(&self) -> &config::HealthConfig {
        &self.0.config
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn latest_snapshot(&self) -> &LatestSnapshot {
        &self.0.latest_snapshot
    }

    pub(super) fn runtime(&self) -> Option<tokio::runtime::Handle> {
        self.0.fallback_runtime.current_or_fallback()
    }

    /// Adds a check; one of the same id gives way to it.
    pub(super) fn register(
        &self,
        settings: CheckSettings,
        task: CheckTask,
        on_result: Option<ResultCallback>,
    ) -> u64 {
        let check_id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let entry = CheckEntry::new(check_id, settings, task, on_result, self.0.clock.now());
        let mut registry = lock(&self.0.registry);
        registry.entries.retain(|other| other.id() != entry.id());
        registry.entries.push(entry);
        self.0.publish(registry);
        let _ = self.0.messages.send(WatcherMessage::Wake);
        check_id
    }

    pub(super) fn remove(&self, check_id: u64) {
        let mut registry = lock(&self.0.registry);
        registry.entries.retain(|entry| entry.check_id != check_id);
        self.0.publish(registry);
    }

    fn watch(&self) {
        loop {
            let next = self.tick();
            if lock(&self.0.registry).stopped {
                return;
            }
            let wait = next.saturating_duration_since(self.0.clock.now());
            // The clone in `self` can send: it is never disconnected.
            let message = lock(&self.0.receiver).recv_timeout(wait);
            if let Ok(message) = message {
                lock(&self.0.registry).handle(message);
            }
        }
    }
}

impl CheckRegistry {
    fn handle(&mut self, message: WatcherMessage) {
        match message {
            WatcherMessage::Wake => {}
            WatcherMessage::Stop => self.stopped = true,
            WatcherMessage::Completed(completion) => {
                let check_id = completion.check;
                let entry = self
                    .entries
                    .iter_mut()
                    .find(|entry| entry.check_id == check_id);
                if let Some(entry) = entry {
                    entry.complete(completion);
                }
            }
        }
    }
}

impl Inner {
    /// Publishes the current state and reports changes.
    fn publish(&self, mut registry: MutexGuard<'_, CheckRegistry>) {
        let now = self.clock.now();
        let health = registry.snapshot();
        let overall = health.evaluate(now);
        self.latest.publish(health);
        let changes = registry.take_changes(now, overall);
        // In their order, and so before another thread may publish.
        let pending_changes = self.notifier.send(changes);
        drop(registry);
        self.notifier.notify(&pending_changes);
    }
}

impl CheckRegistry {
    fn snapshot(&mut self) -> health::HealthState {
        let checks: Vec<_> = self.entries.iter().map(CheckEntry::state).collect();
        let pending =
            |check: &health::CheckState| check.gates_startup() && check.last_result.is_none();
        self.started |= self.sampled && !checks.iter().any(pending);
        health::HealthState {
            sampled: self.sampled,
            started: self.started,
            shutting_down: self.ending.is_some(),
            checks,
        }
    }

    /// Returns the changes since the last call.
    fn take_changes(&mut self, now: Instant, overall: OverallHealth) -> Vec<HealthChange> {
        let check_changes = self
            .entries
            .iter_mut()
            .filter_map(|entry| entry.take_change(now));
        let mut changes: Vec<_> = check_changes.collect();
        let before = self.announced.replace(overall);
        let from = before.map_or(HealthStatus::Pass, |before| before.status);
        if from != overall.status {
            let to = overall.status;
            changes.push(HealthChange::Status { from, to });
        }
        if before.is_some_and(|before| before.ready) != overall.ready {
            changes.push(HealthChange::Ready(overall.ready));
        }
        changes
    }
}
