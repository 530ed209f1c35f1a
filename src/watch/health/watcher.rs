//! The thread that starts runs, keeps their deadlines, and publishes what is known. It runs nothing
//! that a user wrote.
//!
//! Lock order: registry, then receiver. The registry's lock is held while the state is worked out
//! and published, so that two threads cannot publish in the wrong order. It is not held while
//! callbacks, log lines or destructors of the service's closures run: any of them may come back
//! here.
//!
//! Start-up has ended once three things were true together: registration is over, the critical
//! checks that were registered by then have a result, and all conditions are met. It never begins
//! anew: a later failure makes a service unready, and no reason to count it as starting.

#[cfg(feature = "testing")]
mod on_demand;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::builtin::check_threads;
use super::change::HealthChange;
use super::condition_entry::ConditionEntry;
use super::entry::{CheckEntry, ResultCallback, RunContext};
use super::finding::Finding;
use super::hysteresis::HysteresisThresholds;
use super::run::{CheckTask, WatcherMessage};
use super::settings::CheckSettings;
use crate::background::fallback_runtime::{FallbackRuntime, UserRuntime};
use crate::background::notify::Notifier;
use crate::background::user_code::HangingCalls;
use crate::background::{Supervisor, ThreadStatus};
use crate::config;
use crate::model::snapshot::health::{
    CHECK_ID_ALLOWED, Criticality, HealthStatus, LatestHealth, OverallHealth, is_check_id,
};
use crate::model::snapshot::{LatestSnapshot, health};
use crate::record::clock::Clock;
use crate::record::sync::lock;

/// The name of the thread.
const THREAD: &str = "vantage-health";

/// The longest time between two ticks.
const MAX_TICK_INTERVAL: Duration = Duration::from_secs(60);

/// The time after which registration ends by itself: a worker without a server may never say so.
const MAX_REGISTRATION: Duration = Duration::from_secs(10);

/// The id of the check of the telemetry's own threads.
const THREADS_CHECK: &str = "telemetry_threads";
/// Its number; those of others come after it.
const THREADS_CHECK_ID: u64 = 0;

/// The begin of the ids under which refused checks are shown.
const REFUSED: &str = "refused-";
/// The maximum number of them: further ones are logged alone.
const MAX_REFUSED: usize = 100;

/// The health checks of the process and the thread that runs them. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct HealthWatcher(Arc<Inner>);

struct Inner {
    clock: Clock,
    config: config::HealthConfig,
    latest: LatestHealth,
    latest_snapshot: LatestSnapshot,
    /// Runs report here; the watcher also keeps one end itself.
    messages: Sender<WatcherMessage>,
    /// Behind a lock because a `Receiver` is not `Sync`.
    receiver: Mutex<Receiver<WatcherMessage>>,
    registry: Mutex<CheckRegistry>,
    next_id: AtomicU64,
    notifier: Notifier<HealthChange>,
    /// The runs that were given up and are not over.
    hanging: HangingCalls,
    fallback_runtime: FallbackRuntime,
    supervisor: Supervisor,
}

/// The registered checks and the latest reported state of the whole.
#[derive(Debug)]
struct CheckRegistry {
    entries: Vec<CheckEntry>,
    conditions: Vec<ConditionEntry>,
    /// True after the first tick: before it no figure is known, and a callback is told no present
    /// state.
    sampled: bool,
    /// The end of registration, if it isn't ended before.
    registration_deadline: Instant,
    /// True once registration has ended.
    registered: bool,
    /// Latched: start-up ends once.
    started: bool,
    /// The begin of shutdown.
    ending: Option<Instant>,
    /// The latest that was reported, from which changes are told.
    announced: Option<OverallHealth>,
    stopped: bool,
    /// True until the check of the telemetry's threads has looked at a change.
    threads_changed: bool,
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
        supervisor: Supervisor,
    ) -> Self {
        let (messages, receiver) = channel();
        let changes: Sender<WatcherMessage> = messages.clone();
        supervisor.on_change(move || drop(changes.send(WatcherMessage::ThreadsChanged)));
        let registry = CheckRegistry::new(clock.now() + MAX_REGISTRATION);
        Self(Arc::new(Inner {
            clock,
            config,
            latest,
            latest_snapshot,
            messages,
            receiver: Mutex::new(receiver),
            registry: Mutex::new(registry),
            next_id: AtomicU64::new(THREADS_CHECK_ID + 1),
            notifier: Notifier::default(),
            hanging: HangingCalls::default(),
            fallback_runtime: FallbackRuntime::new("vantage-checks"),
            supervisor,
        }))
    }

    /// Starts watching on a thread of its own; the samplers have looked once.
    pub(crate) fn start(&self) -> HealthWatcherGuard {
        self.0.notifier.start(&self.0.supervisor);
        self.tick();
        let health = self.clone();
        let watch = move |thread: &ThreadStatus| health.watch(thread);
        self.0.supervisor.spawn(THREAD, watch);
        // Threads that were refused so far: the thread looks at them, unless it is one of them.
        if self.0.supervisor.down().contains_key(THREAD) {
            self.tick();
        } else {
            let _ = self.0.messages.send(WatcherMessage::Wake);
        }
        HealthWatcherGuard(self.0.messages.clone())
    }

    /// Starts due runs, records completed ones and publishes; returns the instant of the next tick.
    pub(crate) fn tick(&self) -> Instant {
        let mut registry = lock(&self.0.registry);
        registry.sampled = true;
        // A run that is over wakes nobody here who is not awake already.
        self.0.take_messages(&mut registry);
        let now = self.0.clock.now();
        self.0.check_threads(&mut registry, now);
        let context = RunContext {
            clock: &self.0.clock,
            messages: &self.0.messages,
            supervisor: &self.0.supervisor,
            hanging: &self.0.hanging,
        };
        for entry in &mut registry.entries {
            entry.poll(now, &context);
        }
        // Those that only look at figures are over already.
        self.0.take_messages(&mut registry);
        let next = registry.next_wakeup(now);
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

    /// Returns whether shutdown has begun.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.0.latest.read().shutting_down
    }

    /// Makes the service unready; returns since when it is.
    pub(crate) fn begin_shutdown(&self) -> Instant {
        let mut registry = lock(&self.0.registry);
        // The real clock: a delay of a shutdown is waited for by a real thread, also in tests.
        let since = *registry.ending.get_or_insert_with(Instant::now);
        self.0.publish(registry);
        since
    }

    /// Ends registration: start-up waits for what is there, and for nothing that comes later.
    pub(crate) fn end_registration(&self) {
        let mut registry = lock(&self.0.registry);
        registry.registered = true;
        self.0.publish(registry);
    }

    /// Calls back with the present state, and then on each change.
    pub(crate) fn on_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        let callback = Arc::new(callback);
        let registry = lock(&self.0.registry);
        let present = registry.present(self.0.clock.now());
        // Within the lock: no change can come between the present state and the first change after
        // it.
        let pending = self.0.notifier.subscribe(callback.clone(), present);
        drop(registry);
        // Outside of it: the callback may ask for the health.
        Notifier::notify_one(&*callback, &pending);
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

    /// Returns the runtime on which a future is to run: the caller's, or else the SDK's own; `None` where neither
    /// can be had.
    pub(super) fn runtime(&self) -> Option<UserRuntime> {
        let fallback = &self.0.fallback_runtime;
        fallback.current_or_fallback(&self.0.supervisor)
    }

    /// The runs that were given up and are not over.
    pub(crate) fn hanging_checks(&self) -> &HangingCalls {
        &self.0.hanging
    }

    /// The callbacks that were given up and have not returned.
    pub(crate) fn hanging_callbacks(&self) -> &HangingCalls {
        self.0.notifier.hanging()
    }

    /// Adds a check. One whose id is refused counts as failed, under an id that says so: what can't be
    /// checked is no reason to say that all is well.
    pub(super) fn register(
        &self,
        mut settings: CheckSettings,
        mut task: CheckTask,
        mut on_result: Option<ResultCallback>,
    ) -> u64 {
        settings.limit_durations();
        let check_id = self.next_id();
        // Closures of the service are dropped when the lock is gone: they may own a handle of this registry.
        let mut dropped_later = None;
        let mut registry = lock(&self.0.registry);
        let replaced = registry.take_replaced(&settings);
        if let Some(replaced) = &replaced {
            replaced.abandon(&self.0.hanging);
        }
        let refusal = registry.refusal(&settings.id);
        let given = Arc::clone(&settings.id);
        if let Some((code, reason)) = refusal {
            settings = registry.refused_settings(settings);
            let detail = format!("{given:?}: {reason}");
            let refused = CheckTask::Inline(Box::new(move |_| {
                Finding::fail(code).with_detail(detail.clone())
            }));
            dropped_later = Some((std::mem::replace(&mut task, refused), on_result.take()));
        }
        let (now, late) = (self.0.clock.now(), registry.started);
        let entry = CheckEntry::new(check_id, settings, task, on_result, now, late);
        let id = Arc::clone(entry.id());
        // A service that registers in a loop must not fill memory; one failing entry says as much
        // as a hundred.
        if refusal.is_none() || registry.refused_count() < MAX_REFUSED {
            registry.entries.push(entry);
        }
        self.0.publish(registry);
        drop((dropped_later, replaced));
        if let Some((_, reason)) = refusal {
            tracing::error!(
                check = ?given,
                shown_as = &*id,
                reason,
                "a health check was refused and counts as failed"
            );
        }
        // A new check runs at once, and not after the watcher's next tick.
        let _ = self.0.messages.send(WatcherMessage::Wake);
        check_id
    }

    /// Adds a condition of start-up; returns its number, and whether start-up had ended before.
    pub(super) fn add_condition(&self, name: &str) -> (u64, bool) {
        let id = self.next_id();
        let condition = ConditionEntry::new(id, name);
        let mut registry = lock(&self.0.registry);
        let late = registry.started;
        // One that is named after start-up has nothing to hold up.
        if !late {
            registry.conditions.push(condition);
        }
        self.0.publish(registry);
        (id, late)
    }

    /// Marks a condition of start-up as met.
    pub(super) fn meet_condition(&self, id: u64) {
        let mut registry = lock(&self.0.registry);
        let mut conditions = registry.conditions.iter_mut();
        if let Some(condition) = conditions.find(|condition| condition.id == id) {
            condition.met = true;
        }
        self.0.publish(registry);
    }

    fn next_id(&self) -> u64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Removes a check and aborts its run; unknown ids are ignored.
    pub(super) fn remove(&self, check_id: u64) {
        let mut registry = lock(&self.0.registry);
        let mut entries = registry.entries.iter();
        let place = entries.position(|entry| entry.check_id == check_id);
        let removed = place.map(|place| registry.entries.remove(place));
        if let Some(removed) = &removed {
            removed.abandon(&self.0.hanging);
        }
        self.0.publish(registry);
        // Its closure may own a handle whose end comes back here, so that it is dropped without the lock.
        drop(removed);
    }

    /// Runs the loop of the thread, until it is stopped.
    fn watch(&self, thread: &ThreadStatus) {
        loop {
            let next = self.tick();
            thread.record_round();
            if lock(&self.0.registry).stopped {
                return;
            }
            // The lock of the receiver is held while waiting: a tick elsewhere leaves the messages to this
            // thread then.
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
    const fn new(registration_deadline: Instant) -> Self {
        Self {
            entries: Vec::new(),
            conditions: Vec::new(),
            sampled: false,
            registration_deadline,
            registered: false,
            started: false,
            ending: None,
            announced: None,
            stopped: false,
            threads_changed: false,
        }
    }

    /// Takes out the check whose place one with these settings takes.
    fn take_replaced(&mut self, settings: &CheckSettings) -> Option<CheckEntry> {
        let mut entries = self.entries.iter();
        let place = entries.position(|entry| {
            entry.is_replaceable() && settings.replaceable && *entry.id() == settings.id
        })?;
        Some(self.entries.remove(place))
    }

    /// Returns the code and the reason for which an id can't be had; `None` where it can.
    fn refusal(&self, id: &str) -> Option<(&'static str, &'static str)> {
        if !is_check_id(id) {
            Some(("invalid_id", CHECK_ID_ALLOWED))
        } else if self.is_taken(id) {
            Some((
                "duplicate_id",
                "another check has this id; remove that check first",
            ))
        } else {
            None
        }
    }

    fn is_taken(&self, id: &str) -> bool {
        self.entries.iter().any(|entry| &**entry.id() == id)
    }

    fn refused_count(&self) -> usize {
        let ids = self.entries.iter().map(CheckEntry::id);
        ids.filter(|id| id.starts_with(REFUSED)).count()
    }

    /// Returns the settings under which a refused check fails. A slip in a name is nothing that a restart
    /// would mend: it is no watchdog. Before start-up has ended it counts as the check would, so that a
    /// rollout stops; later it degrades at most, because an instance less mends it neither.
    fn refused_settings(&self, settings: CheckSettings) -> CheckSettings {
        let ids = (1_u64..).map(|number| format!("{REFUSED}{number}"));
        let free = ids.into_iter().find(|id| !self.is_taken(id));
        CheckSettings {
            id: free.unwrap_or_default().into(),
            watchdog: false,
            criticality: match settings.criticality {
                Criticality::Critical if self.started => Criticality::Degrading,
                given => given,
            },
            ..settings
        }
    }

    /// Returns the earliest of all checks' wakeups and of the end of registration; `None` where
    /// nothing is to come.
    fn next_wakeup(&self, now: Instant) -> Option<Instant> {
        let checks = self.entries.iter().map(|entry| entry.next_wakeup(now));
        checks
            .chain((!self.registered).then_some(self.registration_deadline))
            .min()
    }

    /// Applies a message; the completion of a removed check is dropped.
    fn handle(&mut self, message: WatcherMessage) {
        match message {
            WatcherMessage::Wake => {}
            WatcherMessage::ThreadsChanged => self.threads_changed = true,
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
    /// Applies the messages that are there, unless the thread waits for them itself: it holds the lock of the
    /// receiver then, for as long as it waits, and whoever ticks meanwhile holds that of the registry.
    fn take_messages(&self, registry: &mut CheckRegistry) {
        let receiver = match self.receiver.try_lock() {
            Ok(receiver) => receiver,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        while let Ok(message) = receiver.try_recv() {
            registry.handle(message);
        }
    }

    /// Has a check look at the telemetry's threads after a change. It is there from the first failure on: one
    /// that always passes only takes room on the page.
    fn check_threads(&self, registry: &mut CheckRegistry, now: Instant) {
        if !std::mem::take(&mut registry.threads_changed) {
            return;
        }
        if let Some(entry) = registry
            .entries
            .iter_mut()
            .find(|entry| entry.check_id == THREADS_CHECK_ID)
        {
            entry.run_now(now);
        } else if !registry.is_taken(THREADS_CHECK) {
            let mut settings = CheckSettings::new(THREADS_CHECK, &self.config);
            // Each change is looked at by itself.
            settings.thresholds = HysteresisThresholds {
                fail_after: 1,
                recover_after: 1,
            };
            let supervisor = self.supervisor.clone();
            let task = CheckTask::Inline(Box::new(move |_| check_threads(&supervisor.down())));
            // As one that comes late: it never keeps a service from its start.
            let entry = CheckEntry::new(THREADS_CHECK_ID, settings, task, None, now, true);
            registry.entries.push(entry);
        }
    }

    /// Publishes the current state and reports changes.
    fn publish(&self, mut registry: MutexGuard<'_, CheckRegistry>) {
        let now = self.clock.now();
        let health = registry.snapshot(now);
        let overall = health.evaluate(now);
        let awaits_result = health.checks.iter().any(|check| check.is_pending(now));
        self.latest.publish(health);
        let changes = registry.take_changes(now, overall, awaits_result);
        // In their order, and so before another thread may publish.
        let pending_changes = self.notifier.send(changes);
        drop(registry);
        self.notifier.notify(&pending_changes);
    }
}

impl CheckRegistry {
    /// Returns the state as plain values, and latches the ends of registration and start-up.
    fn snapshot(&mut self, now: Instant) -> health::HealthState {
        // Found here and not by a timer: whoever publishes first after the deadline ends
        // registration.
        self.registered |= now >= self.registration_deadline;
        let mut health = health::HealthState {
            sampled: self.sampled,
            registered: self.registered,
            started: self.started,
            shutting_down: self.ending.is_some(),
            conditions: self.conditions.iter().map(ConditionEntry::state).collect(),
            checks: self.entries.iter().map(CheckEntry::state).collect(),
        };
        health.started = health.has_started_excluding(|_| false);
        self.started = health.started;
        health
    }

    /// Returns the latest reported state; nothing before there was any.
    fn present(&self, now: Instant) -> Vec<HealthChange> {
        let Some(overall) = self.announced.filter(|_| self.sampled) else {
            return Vec::new();
        };
        let (from, to) = (overall.status, overall.status);
        let checks = self.entries.iter().filter_map(|entry| entry.announced(now));
        checks
            .chain([
                HealthChange::Status { from, to },
                HealthChange::Ready(overall.ready),
            ])
            .collect()
    }

    /// Returns the changes since the last call. Where a check awaits its first result, a warning may be that alone.
    fn take_changes(
        &mut self,
        now: Instant,
        mut overall: OverallHealth,
        awaits_result: bool,
    ) -> Vec<HealthChange> {
        let check_changes = self
            .entries
            .iter_mut()
            .filter_map(|entry| entry.take_change(now));
        let mut changes: Vec<_> = check_changes.collect();
        // Before the first report all is taken for well, so that a good start says nothing.
        let before = self.announced;
        let from = before.map_or(HealthStatus::Pass, |before| before.status);
        if awaits_result && overall.status == HealthStatus::Warn {
            // It is told once the result is there, or is late.
            overall.status = from;
        }
        self.announced = Some(overall);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds a test that would hang.
    const SOON: Duration = Duration::from_secs(10);

    fn watcher(supervisor: Supervisor) -> HealthWatcher {
        HealthWatcher::new(
            Clock::system(),
            config::HealthConfig::default(),
            LatestHealth::default(),
            LatestSnapshot::default(),
            supervisor,
        )
    }

    fn shows_threads(health: &HealthWatcher) -> bool {
        let state = health.0.latest.read();
        let mut checks = state.checks.iter();
        checks.any(|check| &*check.id == THREADS_CHECK)
    }

    #[test]
    fn a_start_with_threads_down_never_waits_for_the_receiver_that_another_waits_with() {
        let supervisor = Supervisor::refused_while(|name| name == "vantage-test");
        supervisor.spawn("vantage-test", |_| {});
        let health = watcher(supervisor);
        // As the thread does while it waits for messages.
        let waiting = lock(&health.0.receiver);
        let (started, done) = channel();
        let starting = health.clone();
        std::thread::spawn(move || drop(started.send(starting.start())));
        let guard = done.recv_timeout(SOON);
        drop(waiting);
        assert!(guard.is_ok());
    }

    #[test]
    fn a_refused_thread_of_health_is_shown_by_the_start() {
        let health = watcher(Supervisor::refused_while(|name| name == THREAD));
        let _guard = health.start();
        assert!(shows_threads(&health));
    }
}
