use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::hysteresis::Damping;
use crate::config;
use crate::model::snapshot::health::{Component, Criticality, Scope};

/// The shortest interval: below it a slip of the unit would keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(10);

/// How one check runs, and what it means.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) id: Arc<str>,
    pub(super) criticality: Criticality,
    pub(super) scope: Scope,
    pub(super) component: Component,
    pub(super) watchdog: bool,
    pub(super) unready_on: Vec<Arc<str>>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) stale_after: Option<Duration>,
    pub(super) damping: Damping,
    pub(super) jitter: f64,
}

impl Plan {
    /// What the configuration says; a check that says nothing of itself can hurt least.
    pub(super) fn new(id: &str, config: &config::Health) -> Self {
        Self {
            id: Arc::from(well_formed(id)),
            criticality: Criticality::Degrading,
            scope: Scope::Local,
            component: Component::Other,
            watchdog: false,
            unready_on: config
                .unready_on
                .iter()
                .map(|id| well_formed(id).into())
                .collect(),
            interval: config.interval,
            timeout: config.timeout,
            stale_after: None,
            damping: Damping {
                fail_after: config.fail_after,
                recover_after: config.recover_after,
            },
            jitter: config.jitter,
        }
    }

    pub(super) fn every(&mut self, interval: Duration) {
        self.interval = interval.max(SHORTEST);
    }

    /// Whether the check takes the instance out of rotation although others share what it checks.
    pub(super) fn is_unready(&self) -> bool {
        let critical = self.criticality == Criticality::Critical;
        critical && self.unready_on.contains(&self.id)
    }

    /// Three runs and a deadline, unless the check says otherwise.
    pub(super) fn stale_after(&self) -> Duration {
        let usual = self.interval.saturating_mul(3).saturating_add(self.timeout);
        self.stale_after.unwrap_or(usual)
    }

    /// The interval, lengthened at random.
    pub(super) fn pause(&self) -> Duration {
        if self.jitter == 0.0 {
            return self.interval;
        }
        self.interval
            .saturating_add(self.interval.mul_f64(self.jitter * chance()))
    }
}

/// From 0 to 1; good enough to keep a fleet from marching in step.
#[expect(clippy::cast_precision_loss, reason = "52 bits of chance are enough")]
fn chance() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

/// Ids are public, stand in URLs and labels, and a colon would part them in the draft's format.
fn well_formed(id: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let plain = |c: char| if allowed(c) { c } else { '_' };
    let id: String = id.chars().take(64).map(plain).collect();
    if id.is_empty() { "_".into() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_lengthens_and_by_its_share_at_most() {
        let mut plan = Plan::new("x", &config::Health::default());
        plan.every(Duration::from_secs(10));
        for _ in 0..1_000 {
            let pause = plan.pause();
            assert!((10.0..=11.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
        plan.jitter = 0.0;
        assert_eq!(plan.pause(), Duration::from_secs(10));
    }

    #[test]
    fn an_id_is_made_well_formed() {
        for (id, made) in [("db", "db"), ("a:b c/é", "a_b_c__"), ("", "_")] {
            assert_eq!(well_formed(id), made);
        }
        assert_eq!(well_formed(&"x".repeat(99)).len(), 64);
    }
}
