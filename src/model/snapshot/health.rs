//! Health as plain values, and the one table by which it is judged.
//!
//! Judging happens when somebody asks, with the time as an argument: a result gets old although
//! nobody is there to say so, and a stale green would be a lie.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::private::Private;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It works.
    Pass,
    /// It works, and somebody should have a look.
    Warn,
    /// It does not work.
    Fail,
}

/// What it means for the service when a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criticality {
    /// The service cannot do its work.
    Critical,
    /// The service does its work worse, or a part of it.
    Degrading,
    /// Nothing; somebody likes to know.
    Informational,
}

/// Whose a checked thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This instance's own, such as its disk: another instance may be better off.
    Local,
    /// The whole fleet's, such as a database: taking this instance out of rotation helps nobody.
    Shared,
}

/// What kind of thing is checked, in the draft's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Other,
    Datastore,
    System,
}

/// The latest health. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestHealth(Arc<ArcSwap<Health>>);

/// What is known of the process's health.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Whether the samplers have looked once.
    pub(crate) sampled: bool,
    /// Whether everything that counts had its first result once; stays true.
    pub(crate) started: bool,
    /// Whether shutdown has begun.
    pub(crate) ending: bool,
    pub(crate) checks: Vec<CheckState>,
}

/// One check and what it found last.
#[derive(Clone, Debug)]
pub(crate) struct CheckState {
    pub(crate) id: Arc<str>,
    pub(crate) criticality: Criticality,
    pub(crate) scope: Scope,
    pub(crate) component: Component,
    /// Whether it is shared and takes the instance out of rotation all the same.
    pub(crate) unready: bool,
    /// Whether it watches the process itself, so that a restart helps.
    pub(crate) watchdog: bool,
    pub(crate) registered: Instant,
    pub(crate) stale_after: Duration,
    pub(crate) found: Option<Found>,
}

/// What a check found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// After damping.
    pub(crate) status: Status,
    /// Of the latest run, whatever damping makes of it.
    pub(crate) code: &'static str,
    pub(crate) detail: Option<Private>,
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
    pub(crate) took: Duration,
}

/// What is known of a check at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// No run has ended yet.
    Pending,
    /// A run has ended lately.
    Fresh(Status),
    /// No run has ended for too long.
    Stale,
}

/// What a check does to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) status: Status,
    pub(crate) ready: bool,
}

/// The whole at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) status: Status,
    pub(crate) ready: bool,
    pub(crate) live: bool,
    pub(crate) started: bool,
}

impl Status {
    /// All, from best to worst.
    pub(crate) const ALL: [Self; 3] = [Self::Pass, Self::Warn, Self::Fail];

    /// The word for it: `pass`, `warn` or `fail`.
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
    /// The word for it: `critical`, `degrading` or `informational`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Degrading => "degrading",
            Self::Informational => "informational",
        }
    }
}

impl Scope {
    /// The word for it: `local` or `shared`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
        }
    }
}

impl Component {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "component",
            Self::Datastore => "datastore",
            Self::System => "system",
        }
    }
}

impl LatestHealth {
    pub(crate) fn read(&self) -> Arc<Health> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, health: Health) {
        self.0.store(Arc::new(health));
    }
}

impl Health {
    pub(crate) fn judge(&self, now: Instant) -> Judgement {
        self.judge_without(now, |_| false)
    }

    /// As if the checks that are `excluded` were not there.
    pub(crate) fn judge_without(
        &self,
        now: Instant,
        excluded: impl Fn(&CheckState) -> bool,
    ) -> Judgement {
        let mut whole = Judgement {
            status: Status::Pass,
            ready: self.sampled && !self.ending,
            live: true,
            started: self.started,
        };
        for check in self.checks.iter().filter(|check| !excluded(check)) {
            let effect = check.effect(now);
            whole.status = whole.status.max(effect.status);
            whole.ready &= effect.ready;
            whole.live &= check.is_alive(now);
        }
        whole
    }
}

impl CheckState {
    /// Stale from the very moment on at which the time is over.
    pub(crate) fn known(&self, now: Instant) -> Known {
        let since = self
            .found
            .as_ref()
            .map_or(self.registered, |found| found.at);
        if now.saturating_duration_since(since) >= self.stale_after {
            return Known::Stale;
        }
        let found = self.found.as_ref();
        found.map_or(Known::Pending, |found| Known::Fresh(found.status))
    }

    /// The check's own status; `None` before the first result.
    pub(crate) fn status(&self, now: Instant) -> Option<Status> {
        match self.known(now) {
            Known::Pending => None,
            Known::Fresh(status) => Some(status),
            Known::Stale => Some(Status::Fail),
        }
    }

    pub(crate) fn code(&self, now: Instant) -> &'static str {
        match (self.known(now), &self.found) {
            (Known::Stale, _) => "stale",
            (_, Some(found)) => found.code,
            (_, None) => "pending",
        }
    }

    pub(crate) fn effect(&self, now: Instant) -> Effect {
        effect(self.criticality, self.scope, self.unready, self.known(now))
    }

    /// Whether nothing says that the process is stuck. A watchdog that is stale says nothing: a
    /// restart because of the watching would be worse than what is watched for.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        !(self.watchdog && self.known(now) == Known::Fresh(Status::Fail))
    }

    /// Whether the service waits for its first result.
    pub(crate) fn counts(&self) -> bool {
        self.criticality != Criticality::Informational
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
pub(crate) fn effect(
    criticality: Criticality,
    scope: Scope,
    unready: bool,
    known: Known,
) -> Effect {
    let takes_out = scope == Scope::Local || unready;
    let (status, ready) = match (criticality, known) {
        (Criticality::Informational, _) | (_, Known::Fresh(Status::Pass)) => (Status::Pass, true),
        (_, Known::Pending) => (Status::Warn, false),
        (_, Known::Fresh(Status::Warn)) => (Status::Warn, true),
        (Criticality::Critical, Known::Fresh(Status::Fail) | Known::Stale) if takes_out => {
            (Status::Fail, false)
        }
        (_, Known::Fresh(Status::Fail) | Known::Stale) => (Status::Warn, true),
    };
    Effect { status, ready }
}
