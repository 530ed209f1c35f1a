//! How fast a budget burns that is an alert.

use std::time::Duration;

use serde::Serialize;

use super::SloPolicy;
use crate::config::check::Check;
use crate::config::reader::Section;
use crate::config::setting::duration;
use crate::model::slo::policy::{self, Level, Pair, Policy};
use crate::model::units::{Ratio, format_duration};

/// The longest burn window: as long as the tracker's memory.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// How fast a budget burns that is an alert.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BurnRates {
    /// What wakes somebody. Default: more than 10x over 1 h and 5 min.
    pub critical: BurnWindows,
    /// What somebody should look at. Default: more than 2x over 6 h and 30 min.
    pub warning: BurnWindows,
    /// How many bad events the long window must hold.
    pub min_bad: MinBad,
}

/// Two windows over which a budget must burn faster than a factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BurnWindows {
    /// The burn rate that both windows must exceed: above 0, at most 10,000.
    pub factor: Ratio,
    /// The window that says how much is gone: longer than `short`, at most 30 d. Seconds are allowed.
    #[serde(serialize_with = "duration")]
    pub long: Duration,
    /// The window that says that it goes on: more than 0.
    #[serde(serialize_with = "duration")]
    pub short: Duration,
}

/// How many bad events the long window must hold, so that one error does not page a quiet service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MinBad {
    /// Of an objective that counts occurrences: 1 to 1,000,000. Default: 10.
    pub occurrences: usize,
    /// Of one that counts time slices: 1 to 1,000,000. Default: 3.
    pub timeslices: usize,
}

impl Default for BurnRates {
    fn default() -> Self {
        let windows = |factor, hours: u64| BurnWindows {
            factor: Ratio::from(factor),
            long: Duration::from_secs(hours * 3_600),
            short: Duration::from_secs(hours * 300),
        };
        Self {
            critical: windows(10, 1),
            warning: windows(2, 6),
            min_bad: MinBad::default(),
        }
    }
}

impl Default for MinBad {
    fn default() -> Self {
        Self {
            occurrences: 10,
            timeslices: 3,
        }
    }
}

impl BurnRates {
    pub(super) fn policy(&self) -> Policy {
        let pairs = vec![
            self.critical.pair(Level::Critical),
            self.warning.pair(Level::Warning),
        ];
        Policy::new(pairs, self.min_bad.counts())
    }

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.section("critical", |section| self.critical.read(section));
        section.section("warning", |section| self.warning.read(section));
        section.section("min_bad", |section| self.min_bad.read(section));
    }

    pub(super) fn check(&self, policy: SloPolicy, check: &mut Check<'_>) {
        for (windows, path) in [
            (&self.critical, "slo.burn_rate.critical"),
            (&self.warning, "slo.burn_rate.warning"),
        ] {
            windows.check(path, check);
            windows.check_in_force(path, policy, check);
        }
        self.min_bad.check(check);
    }
}

impl BurnWindows {
    fn pair(&self, level: Level) -> Pair {
        Pair::new(level, self.factor, self.long, self.short)
    }

    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("factor", &mut self.factor);
        section.field("long", &mut self.long);
        section.field("short", &mut self.short);
    }

    fn check(&self, path: &str, check: &mut Check<'_>) {
        let fine = self.factor > Ratio::ZERO && self.factor <= Ratio::from(10_000);
        let (place, factor) = (format!("{path}.factor"), self.factor.to_f64());
        check.require(fine, &place, factor, "more than 0 and at most 10000");
        let fine = self.long > self.short && self.long <= LONGEST;
        let allowed = "longer than short, and at most 30d";
        check.duration_in(fine, &format!("{path}.long"), self.long, allowed);
        let fine = !self.short.is_zero();
        check.duration_in(fine, &format!("{path}.short"), self.short, "more than 0s");
    }

    /// What somebody sets must have an effect: the workbook's policy has pairs of its own.
    fn check_in_force(&self, path: &str, policy: SloPolicy, check: &mut Check<'_>) {
        let allowed = "only with slo.policy burn-rate";
        for (key, value) in [
            ("factor", self.factor.to_f64().to_string()),
            ("long", format_duration(self.long)),
            ("short", format_duration(self.short)),
        ] {
            let place = format!("{path}.{key}");
            let differs = *self != Self::default_of(path);
            let fine = policy == SloPolicy::BurnRate || !(differs && check.is_set(&place));
            check.require(fine, &place, value, allowed);
        }
    }

    fn default_of(path: &str) -> Self {
        let defaults = BurnRates::default();
        match path {
            "slo.burn_rate.critical" => defaults.critical,
            _ => defaults.warning,
        }
    }
}

impl MinBad {
    pub(super) fn counts(&self) -> policy::MinBad {
        policy::MinBad::new(self.occurrences as u64, self.timeslices as u64)
    }

    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("occurrences", &mut self.occurrences);
        section.field("timeslices", &mut self.timeslices);
    }

    fn check(&self, check: &mut Check<'_>) {
        for (path, count) in [
            ("slo.burn_rate.min_bad.occurrences", self.occurrences),
            ("slo.burn_rate.min_bad.timeslices", self.timeslices),
        ] {
            let fine = (1..=1_000_000).contains(&count);
            check.require(fine, path, count, "1 to 1000000");
        }
    }
}
