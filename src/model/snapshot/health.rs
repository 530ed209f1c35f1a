//! Health as plain values, and the one table by which it is evaluated.
//!
//! Evaluation happens on each request, with the time as an argument: a result gets old although
//! nobody is there to say so, and a stale green would be a lie.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::private::PrivateText;

/// The status of a check, or of the service.
///
/// Ordered from best to worst, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// It works.
    Pass,
    /// It works, and somebody should have a look.
    Warn,
    /// It does not work.
    Fail,
}

/// The effect of a failed check on the service.
///
/// It is declared at registration and not found by the check: how much a failure matters is known
/// to the service, and does not depend on how it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criticality {
    /// The service cannot do its work.
    Critical,
    /// The service does its work worse, or a part of it.
    Degrading,
    /// Nothing; somebody likes to know.
    Informational,
}

/// The scope of a check.
///
/// Why does it matter? Where a shared database fails, every replica's check of it fails at the same
/// moment. If each went out of rotation for that, a partial outage would become a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckScope {
    /// This instance's own, such as its disk: another instance may be better off.
    Local,
    /// The whole fleet's, such as a database: taking this instance out of rotation helps nobody.
    Shared,
}

/// The type of a checked component, in the words of the health draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckedComponent {
    Other,
    Datastore,
    System,
}

/// The latest health. Clones share it.
///
/// Probes read it without a lock, so that they answer also while a check hangs.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestHealth(Arc<ArcSwap<HealthState>>);

/// The state of all health checks of the process.
///
/// The four flags only ever go from `false` to `true`.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthState {
    /// `true` once the samplers have run.
    /// Before that nothing is known of disks and memory, and an instance that knows nothing of
    /// itself is not ready.
    pub(crate) sampled: bool,
    /// `true` once registration has ended: start-up then knows everything that it waits for.
    /// Without it a check that is registered a moment too late would not be waited for, and
    /// readiness would go 200, 503, 200.
    pub(crate) registered: bool,
    /// `true` once start-up has ended, and from then on.
    pub(crate) started: bool,
    /// `true` once shutdown has begun.
    pub(crate) shutting_down: bool,
    /// The conditions that the service has named for its start-up.
    pub(crate) conditions: Vec<ConditionState>,
    pub(crate) checks: Vec<CheckState>,
}

/// A condition that start-up waits for, such as migrations.
#[derive(Clone, Debug)]
pub(crate) struct ConditionState {
    pub(crate) name: Arc<str>,
    pub(crate) met: bool,
}

/// One check and what it found last.
#[derive(Clone, Debug)]
pub(crate) struct CheckState {
    pub(crate) id: Arc<str>,
    pub(crate) criticality: Criticality,
    pub(crate) scope: CheckScope,
    pub(crate) component: CheckedComponent,
    /// `true` for a shared check that takes the instance out of rotation all the same.
    /// Set by `health.unready_on`, for dependencies that have replicas of their own.
    pub(crate) unready: bool,
    /// `true` for a check of the process itself, whose failure a restart mends.
    pub(crate) watchdog: bool,
    /// `true` if it was registered after start-up: it then counts from its first result on.
    pub(crate) late: bool,
    /// From here the age of a check without a result is counted.
    pub(crate) registered: Instant,
    /// The age from which on a result is not believed any more; a few intervals and the timeout.
    pub(crate) stale_after: Duration,
    pub(crate) last_result: Option<CheckResult>,
}

/// The latest result of a check.
#[derive(Clone, Debug)]
pub(crate) struct CheckResult {
    /// After damping.
    /// One failure between two successes is no failure: see the hysteresis of checks.
    pub(crate) status: HealthStatus,
    /// Of the latest run, whatever damping makes of it.
    /// A short constant such as `timeout`, and so public.
    pub(crate) code: &'static str,
    /// The error text: private, because it may name hosts and users.
    pub(crate) detail: Option<PrivateText>,
    /// The end of the run, by the monotonic clock: ages come from it.
    pub(crate) at: Instant,
    /// The same moment for people; it may jump, and nothing is calculated from it.
    pub(crate) wall_time: SystemTime,
    /// The duration of the run; its timeout where it was given up.
    pub(crate) took: Duration,
}

/// The freshness of a check's result at one moment.
///
/// Kept apart from the status, because "no result yet" and "no result any more" need opposite
/// treatment: patience at the start, and failure later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultFreshness {
    /// No run has ended yet.
    Pending,
    /// A run has ended lately.
    Fresh(HealthStatus),
    /// No run has ended for too long.
    Stale,
}

/// The effect of a check on the overall health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckEffect {
    pub(crate) status: HealthStatus,
    pub(crate) ready: bool,
}

/// The overall health at one moment.
///
/// The answers to the four questions of Kubernetes and load balancers; each follows from the same
/// checks by other rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverallHealth {
    pub(crate) status: HealthStatus,
    pub(crate) ready: bool,
    /// Watchdogs alone decide: a restart mends nothing that is wrong with a database.
    pub(crate) live: bool,
    pub(crate) started: bool,
}

impl HealthStatus {
    /// All, from best to worst.
    pub(crate) const ALL: [Self; 3] = [Self::Pass, Self::Warn, Self::Fail];

    /// Returns the word for it: `pass`, `warn` or `fail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Criticality {
    /// Returns the word for it: `critical`, `degrading` or `informational`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Degrading => "degrading",
            Self::Informational => "informational",
        }
    }
}

impl CheckScope {
    /// Returns the word for it: `local` or `shared`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
        }
    }
}

impl CheckedComponent {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "component",
            Self::Datastore => "datastore",
            Self::System => "system",
        }
    }
}

impl LatestHealth {
    pub(crate) fn read(&self) -> Arc<HealthState> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, health: HealthState) {
        self.0.store(Arc::new(health));
    }
}

impl HealthState {
    /// The parts of health that are no checks, as paths and messages name them.
    // Paths and `exclude` name these as they name checks, so that ids of checks and of parts share
    // one list.
    pub(crate) const SAMPLES: &str = "samples";
    pub(crate) const REGISTRATION: &str = "registration";
    pub(crate) const STARTUP: &str = "startup";
    pub(crate) const SHUTDOWN: &str = "shutdown";

    /// Evaluates the health at `now`, which is never before the latest result.
    pub(crate) fn evaluate(&self, now: Instant) -> OverallHealth {
        self.evaluate_excluding(now, |_| false)
    }

    /// Evaluates the health without the checks and parts whose ids are `excluded`.
    pub(crate) fn evaluate_excluding(
        &self,
        now: Instant,
        excluded: impl Fn(&str) -> bool,
    ) -> OverallHealth {
        let started = self.has_started_excluding(&excluded);
        let mut whole = OverallHealth {
            status: HealthStatus::Pass,
            ready: started
                && (self.sampled || excluded(Self::SAMPLES))
                && !self.drains_excluding(&excluded),
            live: true,
            started,
        };
        for check in self.checks.iter().filter(|check| !excluded(&check.id)) {
            let effect = check.effect(now);
            // The worst check decides: an average of states would hide the one that matters.
            whole.status = whole.status.max(effect.status);
            whole.ready &= effect.ready;
            whole.live &= check.is_live(now);
        }
        whole
    }

    /// Returns whether start-up has ended, or would have without what is `excluded`.
    ///
    /// The latch `started` is set by the watcher as soon as this is true once; from then on
    /// start-up never fails again.
    pub(crate) fn has_started_excluding(&self, excluded: impl Fn(&str) -> bool) -> bool {
        let has_result = |check: &CheckState| check.last_result.is_some();
        self.started
            || excluded(Self::STARTUP)
            || ((self.sampled || excluded(Self::SAMPLES))
                && (self.registered || excluded(Self::REGISTRATION))
                && self
                    .conditions
                    .iter()
                    .all(|one| one.met || excluded(&one.name))
                && self
                    .startup_checks()
                    .all(|check| has_result(check) || excluded(&check.id)))
    }

    /// Returns whether shutdown has begun, unless that is `excluded`.
    pub(crate) fn drains_excluding(&self, excluded: impl Fn(&str) -> bool) -> bool {
        self.shutting_down && !excluded(Self::SHUTDOWN)
    }

    /// Returns the checks whose first results start-up waits for.
    pub(crate) fn startup_checks(&self) -> impl Iterator<Item = &CheckState> {
        self.checks
            .iter()
            .filter(|check| check.criticality == Criticality::Critical)
    }
}

/// The accepted ids of checks, for messages.
pub(crate) const CHECK_ID_ALLOWED: &str = "1 to 128 characters without control characters, line breaks, tabs, and white space at either end";

/// Returns whether the text may be the id of a check. Ids are shown as they were given, in lines, labels and
/// paths alike: two that differ must not look the same there.
// White space within an id is fine, at its ends it could not be seen. Tabs and line breaks would
// break lines of logs and tables.
pub(crate) fn is_check_id(text: &str) -> bool {
    let printable = |c: char| !c.is_control() && (c == ' ' || !c.is_whitespace());
    (1..=128).contains(&text.chars().count()) && text.chars().all(printable) && text.trim() == text
}

impl CheckState {
    /// Returns whether it has no result yet.
    pub(crate) fn is_pending(&self, now: Instant) -> bool {
        self.freshness(now) == ResultFreshness::Pending
    }

    /// Returns the freshness: stale as soon as `stale_after` has passed.
    pub(crate) fn freshness(&self, now: Instant) -> ResultFreshness {
        // A check that never had a result becomes stale by the same clock, counted from its
        // registration: a hanging first run must not stay "pending" for ever.
        let since = self
            .last_result
            .as_ref()
            .map_or(self.registered, |found| found.at);
        if now.saturating_duration_since(since) >= self.stale_after {
            return ResultFreshness::Stale;
        }
        let found = self.last_result.as_ref();
        found.map_or(ResultFreshness::Pending, |found| {
            ResultFreshness::Fresh(found.status)
        })
    }

    /// The check's own status; `None` before the first result.
    pub(crate) fn status(&self, now: Instant) -> Option<HealthStatus> {
        match self.freshness(now) {
            ResultFreshness::Pending => None,
            ResultFreshness::Fresh(status) => Some(status),
            ResultFreshness::Stale => Some(HealthStatus::Fail),
        }
    }

    /// Returns the public code: `stale` and `pending` stand for results that are missing.
    pub(crate) fn code(&self, now: Instant) -> &'static str {
        match (self.freshness(now), &self.last_result) {
            (ResultFreshness::Stale, _) => "stale",
            (_, Some(found)) => found.code,
            (_, None) => "pending",
        }
    }

    /// Returns the effect on the service, with the exception for checks that came late.
    pub(crate) fn effect(&self, now: Instant) -> CheckEffect {
        let freshness = self.freshness(now);
        let effect = effect(self.criticality, self.scope, self.unready, freshness);
        CheckEffect {
            // A service that is up doesn't leave the rotation for a check of which nothing is known.
            ready: effect.ready || (self.late && freshness == ResultFreshness::Pending),
            ..effect
        }
    }

    /// Returns false if the check says that the process is stuck. A watchdog that is stale says nothing: a
    /// restart because of the watching would be worse than what is watched for.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        !(self.watchdog && self.freshness(now) == ResultFreshness::Fresh(HealthStatus::Fail))
    }
}

/// The table.
///
/// | check | pass | warn | fail or stale | no result yet |
/// |---|---|---|---|---|
/// | critical, local | pass, ready | warn, ready | fail, not ready | warn, not ready |
/// | critical, shared | pass, ready | warn, ready | warn, ready | warn, not ready |
/// | critical, shared, in `health.unready_on` | pass, ready | warn, ready | fail, not ready | warn, not ready |
/// | degrading | pass, ready | warn, ready | warn, ready | warn, not ready |
/// | informational | pass, ready | pass, ready | pass, ready | pass, ready |
///
/// A check that was registered after start-up had ended is ready as long as it has no result.
pub(crate) fn effect(
    criticality: Criticality,
    scope: CheckScope,
    unready: bool,
    freshness: ResultFreshness,
) -> CheckEffect {
    // The second half of the table: see [`CheckScope`].
    let takes_out = scope == CheckScope::Local || unready;
    let (status, ready) = match (criticality, freshness) {
        // The order of these arms is the order of the columns: what is fine first, then what is
        // unknown, then what is wrong.
        (Criticality::Informational, _) | (_, ResultFreshness::Fresh(HealthStatus::Pass)) => {
            (HealthStatus::Pass, true)
        }
        (_, ResultFreshness::Pending) => (HealthStatus::Warn, false),
        (_, ResultFreshness::Fresh(HealthStatus::Warn)) => (HealthStatus::Warn, true),
        (
            Criticality::Critical,
            ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale,
        ) if takes_out => (HealthStatus::Fail, false),
        (_, ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale) => {
            (HealthStatus::Warn, true)
        }
    };
    CheckEffect { status, ready }
}
