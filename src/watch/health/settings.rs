use std::sync::Arc;
use std::time::Duration;

use super::hysteresis::HysteresisThresholds;
use crate::config;
use crate::model::random::random_fraction;
use crate::model::snapshot::health::{CheckScope, CheckedComponent, Criticality};

/// The shortest interval: below it a slip of the unit would keep a processor busy.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The longest of its times; `Duration::MAX` stands for never.
const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

/// The settings of one check: its schedule, its thresholds, and its effect on the service.
#[derive(Clone, Debug)]
pub(super) struct CheckSettings {
    pub(super) id: Arc<str>,
    pub(super) criticality: Criticality,
    pub(super) scope: CheckScope,
    pub(super) component: CheckedComponent,
    pub(super) watchdog: bool,
    /// It gives way to the next check with its id that would do so too: that of a thing that was replaced.
    pub(super) replaceable: bool,
    pub(super) unready_on: Vec<Arc<str>>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) stale_after: Option<Duration>,
    pub(super) thresholds: HysteresisThresholds,
    /// The most that is added to an interval, as a share of it.
    pub(super) jitter: f64,
}

impl CheckSettings {
    /// Returns the settings from the configuration; a check that says nothing of itself can hurt least.
    pub(super) fn new(id: &str, config: &config::HealthConfig) -> Self {
        Self {
            id: id.into(),
            criticality: Criticality::Degrading,
            scope: CheckScope::Local,
            component: CheckedComponent::Other,
            watchdog: false,
            replaceable: false,
            unready_on: config
                .unready_on
                .iter()
                .map(|id| id.as_str().into())
                .collect(),
            interval: config.interval,
            timeout: config.timeout,
            stale_after: None,
            thresholds: HysteresisThresholds {
                fail_after: config.fail_after,
                recover_after: config.recover_after,
            },
            jitter: config.jitter,
        }
    }

    /// Sets the interval, at least [`MIN_INTERVAL`].
    pub(super) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval.max(MIN_INTERVAL);
    }

    /// Limits the times, so that a clock can be counted up by any of them.
    pub(super) fn limit_durations(&mut self) {
        self.interval = self.interval.min(MAX_DURATION);
        self.timeout = self.timeout.min(MAX_DURATION);
        self.stale_after = self.stale_after.map(|age| age.min(MAX_DURATION));
    }

    /// Returns whether the check takes the instance out of rotation although others share what it
    /// checks.
    pub(super) fn makes_unready(&self) -> bool {
        // Only a critical check: one that degrades was said not to stop the service.
        let critical = self.criticality == Criticality::Critical;
        critical && self.unready_on.contains(&self.id)
    }

    /// Three runs and a deadline, unless the check says otherwise.
    pub(super) fn stale_after(&self) -> Duration {
        let usual = self.interval.saturating_mul(3).saturating_add(self.timeout);
        self.stale_after.unwrap_or(usual)
    }

    /// Returns the interval, lengthened at random, so that a fleet does not march in step.
    pub(super) fn jittered_interval(&self) -> Duration {
        // So that tests can say when a run is due.
        if self.jitter == 0.0 {
            return self.interval;
        }
        self.interval
            .saturating_add(self.interval.mul_f64(self.jitter * random_fraction()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_lengthens_and_by_its_share_at_most() {
        let mut settings = CheckSettings::new("x", &config::HealthConfig::default());
        settings.set_interval(Duration::from_secs(10));
        for _ in 0..1_000 {
            let interval = settings.jittered_interval();
            assert!(
                (10.0..=11.0).contains(&interval.as_secs_f64()),
                "{interval:?}"
            );
        }
        settings.jitter = 0.0;
        assert_eq!(settings.jittered_interval(), Duration::from_secs(10));
    }
}
