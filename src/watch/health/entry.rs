//! One registered check: when it runs, and what its runs have shown. All of it is arithmetic over
//! instants that are handed in.
//!
//! | a run | leads to |
//! |---|---|
//! | completes in time | its finding |
//! | completes at or after its timeout | `timeout`, whatever it found |
//! | is still under way at its timeout | `timeout` at once; a future is aborted, what blocks is given up |
//! | is due while too many runs hang | `no_thread` |
//! | never began by its timeout | nothing: its runtime is at fault, and the result gets stale |
//! | is aborted, or its runtime ends | nothing |
//!
//! At most one run is under way. The next starts when it is due and the last one has come back, so
//! that a hung dependency never collects threads.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use super::change::HealthChange;
use super::finding::Finding;
use super::hysteresis::Hysteresis;
use super::run::{CheckTask, RunAbort, RunCompletion, RunGuard, RunProgress, WatcherMessage};
use super::settings::CheckSettings;
use crate::background::Supervisor;
use crate::background::user_code::HangingCalls;
use crate::model::snapshot::health::{CheckResult, CheckState, HealthStatus, ResultFreshness};
use crate::model::snapshot::private::PrivateText;
use crate::record::clock::Clock;

/// A callback with whether a run worked, before any damping.
pub(super) type ResultCallback = Box<dyn Fn(bool) + Send>;

/// A registered check: its settings, its task and its latest result.
#[derive(Debug)]
pub(super) struct CheckEntry {
    pub(super) check_id: u64,
    settings: CheckSettings,
    task: CheckTask,
    on_result: Hidden<Option<ResultCallback>>,
    registered: Instant,
    /// `true` if it was registered after start-up had ended.
    late: bool,
    /// Set at the start of a run, with jitter.
    next_run: Instant,
    /// The number of the latest run, by which its completion is recognised.
    run_count: u64,
    pending_run: Option<PendingRun>,
    hysteresis: Hysteresis,
    last_result: Option<CheckResult>,
    /// The detail of the latest result; public types never hold it.
    detail: Option<String>,
    /// The status of the latest reported change.
    announced: Option<HealthStatus>,
}

/// A run that has not completed yet.
#[derive(Debug)]
struct PendingRun {
    /// The start by the watcher's clock; the task may begin later.
    started_at: Instant,
    progress: Arc<RunProgress>,
    /// `None` for what cannot be aborted, and once it was.
    abort: Option<RunAbort>,
    /// Its timeout has passed: a result that still comes is ignored.
    timed_out: bool,
}

/// Not for `Debug`.
struct Hidden<T>(T);

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// The clock, the channel and the threads that a run uses.
pub(super) struct RunContext<'a> {
    pub(super) clock: &'a Clock,
    pub(super) messages: &'a Sender<WatcherMessage>,
    /// Starts the threads of blocking calls.
    pub(super) supervisor: &'a Supervisor,
    /// The runs that were given up.
    pub(super) hanging: &'a HangingCalls,
}

impl CheckEntry {
    pub(super) fn new(
        check_id: u64,
        settings: CheckSettings,
        task: CheckTask,
        on_result: Option<ResultCallback>,
        now: Instant,
        late: bool,
    ) -> Self {
        Self {
            check_id,
            hysteresis: Hysteresis::new(settings.thresholds),
            settings,
            task,
            on_result: Hidden(on_result),
            registered: now,
            late,
            next_run: now,
            run_count: 0,
            pending_run: None,
            last_result: None,
            detail: None,
            announced: None,
        }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.settings.id
    }

    pub(super) const fn is_replaceable(&self) -> bool {
        self.settings.replaceable
    }

    /// Returns whether a run is under way that may still have a result.
    #[cfg(feature = "testing")]
    pub(super) fn is_running(&self) -> bool {
        let run = self.pending_run.as_ref();
        run.is_some_and(|run| !run.timed_out)
    }

    /// Makes the next run due.
    pub(super) fn run_now(&mut self, now: Instant) {
        self.next_run = now;
    }

    /// Records a completed run.
    pub(super) fn complete(&mut self, completion: RunCompletion) {
        // Of an earlier run of this check; its place is another's by now.
        if completion.run != self.run_count {
            return;
        }
        let Some(run) = self.pending_run.take() else {
            return;
        };
        // A run that was over only after the next one was due must not be followed at once: what
        // blocks for a minute would block for ever.
        if completion.at >= self.next_run {
            self.next_run = completion.at + self.settings.interval;
        }
        let duration = completion.at.saturating_duration_since(run.started_at);
        match completion.finding {
            // Its failure was recorded when its time was over.
            _ if run.timed_out => {}
            Some(_) if duration >= self.settings.timeout => {
                self.record_timeout(run.started_at, completion.wall);
            }
            Some(finding) => self.record(&finding, completion.at, completion.wall, duration),
            None => {}
        }
    }

    /// Gives up a run whose time is over, and starts the next when it is due.
    pub(super) fn poll(&mut self, now: Instant, context: &RunContext<'_>) {
        if let Some(run) = &mut self.pending_run
            && !run.timed_out
            && now >= run.started_at + self.settings.timeout
        {
            run.timed_out = true;
            if let Some(abort) = run.abort.take() {
                abort.abort();
            }
            let (since, started) = (run.started_at, run.progress.has_started());
            // One that never began says something of its runtime, and nothing of what is checked.
            if started {
                run.progress.give_up(context.hanging);
                let late = now.saturating_duration_since(since + self.settings.timeout);
                let wall = context.clock.wall();
                // Dated to the moment of the timeout, and not to that of the look, which may come
                // later.
                self.record_timeout(since, wall.checked_sub(late).unwrap_or(wall));
            }
        }
        if self.pending_run.is_none() && now >= self.next_run {
            self.start_run(now, context);
        }
    }

    /// Returns the instant of the next [`poll`](Self::poll).
    pub(super) fn next_wakeup(&self, now: Instant) -> Instant {
        let run = match &self.pending_run {
            // Its completion wakes.
            Some(run) if run.timed_out => now + self.settings.interval,
            Some(run) => run.started_at + self.settings.timeout,
            None => self.next_run,
        };
        let state = self.state();
        match state.freshness(now) {
            // It is stale already: nothing more happens by waiting.
            ResultFreshness::Stale => run,
            // A result that gets stale is a change, and must be reported without a run.
            _ => run.min(self.last_result_at() + state.stale_after),
        }
    }

    /// Returns a change of the status since the last call.
    pub(super) fn take_change(&mut self, now: Instant) -> Option<HealthChange> {
        let status = self.state().status(now)?;
        let from = self.announced.replace(status);
        (from != Some(status)).then(|| self.change(now, from, status))
    }

    /// Returns the latest reported status as a change from nothing.
    pub(super) fn announced(&self, now: Instant) -> Option<HealthChange> {
        Some(self.change(now, None, self.announced?))
    }

    /// Returns a change with the code and detail of the latest result.
    fn change(&self, now: Instant, from: Option<HealthStatus>, to: HealthStatus) -> HealthChange {
        let state = self.state();
        HealthChange::Check {
            code: state.code(now),
            id: state.id,
            from,
            to,
            criticality: state.criticality,
            detail: self.detail.clone(),
        }
    }

    pub(super) fn state(&self) -> CheckState {
        CheckState {
            id: Arc::clone(&self.settings.id),
            criticality: self.settings.criticality,
            scope: self.settings.scope,
            component: self.settings.component,
            unready: self.settings.makes_unready(),
            watchdog: self.settings.watchdog,
            late: self.late,
            registered: self.registered,
            stale_after: self.settings.stale_after(),
            last_result: self.last_result.clone(),
        }
    }

    /// Returns the time of the latest result, or of the registration.
    fn last_result_at(&self) -> Instant {
        self.last_result
            .as_ref()
            .map_or(self.registered, |found| found.at)
    }

    /// Starts a run and schedules the one after it.
    fn start_run(&mut self, now: Instant, context: &RunContext<'_>) {
        self.next_run = now + self.settings.jittered_interval();
        self.run_count += 1;
        let progress = Arc::new(RunProgress::default());
        let guard = RunGuard {
            check: self.check_id,
            run: self.run_count,
            clock: context.clock.clone(),
            messages: context.messages.clone(),
            progress: Arc::clone(&progress),
            hanging: context.hanging.clone(),
            finding: None,
        };
        let abort = self.task.start(now, guard, context.supervisor);
        self.pending_run = Some(PendingRun {
            started_at: now,
            progress,
            abort,
            timed_out: false,
        });
    }

    /// Records a run that took too long, which began at `since`.
    fn record_timeout(&mut self, since: Instant, wall: SystemTime) {
        let timeout = self.settings.timeout;
        self.record(&Finding::fail("timeout"), since + timeout, wall, timeout);
    }

    /// Stores a result, damped, and passes the undamped one to the callback.
    fn record(&mut self, finding: &Finding, at: Instant, wall: SystemTime, duration: Duration) {
        self.last_result = Some(CheckResult {
            // The status is damped; code and detail are always the latest, so that a reader sees
            // what happens now.
            status: self.hysteresis.apply(finding.status()),
            code: finding.code(),
            detail: finding.detail().map(PrivateText::new),
            at,
            wall_time: wall,
            took: duration,
        });
        self.detail = finding.detail().map(str::to_owned);
        if let Some(on_result) = &self.on_result.0 {
            // Undamped: `up` is a raw series, and its rules have windows of their own.
            on_result(finding.status() != HealthStatus::Fail);
        }
    }
}

impl CheckEntry {
    /// Gives up the run that is under way, for a check that is removed.
    pub(super) fn abandon(&self, hanging: &HangingCalls) {
        if let Some(run) = self.pending_run.as_ref().filter(|run| !run.timed_out) {
            // Also where it has not begun: from now on nothing else tells of its thread.
            run.progress.give_up(hanging);
        }
    }
}

impl Drop for CheckEntry {
    fn drop(&mut self) {
        let run = self.pending_run.take();
        if let Some(abort) = run.and_then(|mut run| run.abort.take()) {
            abort.abort();
        }
    }
}
