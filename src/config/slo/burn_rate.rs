//! The burn rates that raise alerts.

use std::time::Duration;

use serde::Serialize;

use super::SloPolicy;
use crate::config::field_value::serialize_duration;
use crate::config::reader::SectionReader;
use crate::config::validator::ConfigValidator;
use crate::model::slo::policy::{self, AlertLevel, BurnRatePolicy, WindowPair};
use crate::model::units::{Ratio, format_duration};

/// The longest burn window: as long as the tracker's memory.
const MAX_DURATION: Duration = Duration::from_secs(30 * 86_400);

/// The burn rates that raise alerts.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BurnRatesConfig {
    /// What wakes somebody. Default: more than 10x over 1 h and 5 min.
    pub critical: BurnWindowsConfig,
    /// What somebody should look at. Default: more than 2x over 6 h and 30 min.
    pub warning: BurnWindowsConfig,
    /// How many bad events the long window must hold.
    pub min_bad: MinBadConfig,
}

/// Two windows over which a budget must burn faster than a factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BurnWindowsConfig {
    /// The burn rate that both windows must exceed: above 0, at most 10,000.
    pub factor: Ratio,
    /// The window that says how much is gone: longer than `short`, at most 30 d. Seconds are allowed.
    #[serde(serialize_with = "serialize_duration")]
    pub long: Duration,
    /// The window that says that it goes on: more than 0.
    #[serde(serialize_with = "serialize_duration")]
    pub short: Duration,
}

/// The minimum number of bad events in the long window, so that one error does not page a quiet service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MinBadConfig {
    /// Of an objective that counts occurrences: 1 to 1,000,000. Default: 10.
    pub occurrences: usize,
    /// Of one that counts time slices: 1 to 1,000,000. Default: 3.
    pub timeslices: usize,
}

impl Default for BurnRatesConfig {
    fn default() -> Self {
        let windows = |factor, hours: u64| BurnWindowsConfig {
            factor: Ratio::from(factor),
            long: Duration::from_secs(hours * 3_600),
            short: Duration::from_secs(hours * 300),
        };
        Self {
            critical: windows(10, 1),
            warning: windows(2, 6),
            min_bad: MinBadConfig::default(),
        }
    }
}

impl Default for MinBadConfig {
    fn default() -> Self {
        Self {
            occurrences: 10,
            timeslices: 3,
        }
    }
}

impl BurnRatesConfig {
    pub(super) fn to_policy(&self) -> BurnRatePolicy {
        let pairs = vec![
            self.critical.to_window_pair(AlertLevel::Critical),
            self.warning.to_window_pair(AlertLevel::Warning),
        ];
        BurnRatePolicy::new(pairs, self.min_bad.to_min_bad_events())
    }

    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_section("critical", |section| self.critical.read(section));
        section.read_section("warning", |section| self.warning.read(section));
        section.read_section("min_bad", |section| self.min_bad.read(section));
    }

    pub(super) fn validate(&self, policy: SloPolicy, validator: &mut ConfigValidator<'_>) {
        for (windows, path) in [
            (&self.critical, "slo.burn_rate.critical"),
            (&self.warning, "slo.burn_rate.warning"),
        ] {
            windows.validate(path, validator);
            windows.validate_in_force(path, policy, validator);
        }
        self.min_bad.validate(validator);
    }
}

impl BurnWindowsConfig {
    fn to_window_pair(&self, level: AlertLevel) -> WindowPair {
        WindowPair::new(level, self.factor, self.long, self.short)
    }

    fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("factor", &mut self.factor);
        section.read_field("long", &mut self.long);
        section.read_field("short", &mut self.short);
    }

    fn validate(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let fine = self.factor > Ratio::ZERO && self.factor <= Ratio::from(10_000);
        let (place, factor) = (format!("{path}.factor"), self.factor.to_f64());
        validator.require(fine, &place, factor, "more than 0 and at most 10000");
        let fine = self.long > self.short && self.long <= MAX_DURATION;
        let allowed = "longer than short, and at most 30d";
        validator.require_duration_in(fine, &format!("{path}.long"), self.long, allowed);
        let fine = !self.short.is_zero();
        validator.require_duration_in(fine, &format!("{path}.short"), self.short, "more than 0s");
    }

    /// What somebody sets must have an effect: the workbook's policy has pairs of its own.
    fn validate_in_force(
        &self,
        path: &str,
        policy: SloPolicy,
        validator: &mut ConfigValidator<'_>,
    ) {
        let allowed = "only with slo.policy burn-rate";
        for (key, value) in [
            ("factor", self.factor.to_f64().to_string()),
            ("long", format_duration(self.long)),
            ("short", format_duration(self.short)),
        ] {
            let place = format!("{path}.{key}");
            let differs = *self != Self::default_of(path);
            let fine = policy == SloPolicy::BurnRate || !(differs && validator.is_set(&place));
            validator.require(fine, &place, value, allowed);
        }
    }

    fn default_of(path: &str) -> Self {
        let defaults = BurnRatesConfig::default();
        match path {
            "slo.burn_rate.critical" => defaults.critical,
            _ => defaults.warning,
        }
    }
}

impl MinBadConfig {
    pub(super) fn to_min_bad_events(&self) -> policy::MinBadEvents {
        policy::MinBadEvents::new(self.occurrences as u64, self.timeslices as u64)
    }

    fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("occurrences", &mut self.occurrences);
        section.read_field("timeslices", &mut self.timeslices);
    }

    fn validate(&self, validator: &mut ConfigValidator<'_>) {
        for (path, count) in [
            ("slo.burn_rate.min_bad.occurrences", self.occurrences),
            ("slo.burn_rate.min_bad.timeslices", self.timeslices),
        ] {
            let fine = (1..=1_000_000).contains(&count);
            validator.require(fine, path, count, "1 to 1000000");
        }
    }
}
