//! Where the objectives stand, how they are tracked, and when a burning budget is an alert.

mod burn_rate;
mod maintenance;
mod prometheus;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::reader::Section;
use super::setting::{duration, words};
use crate::model::slo::maintenance::Maintenance;
use crate::model::slo::policy::Policy;

pub use burn_rate::{BurnRates, BurnWindows, MinBad};
pub use prometheus::SloPrometheus;

/// The path that the report of the objectives is answered at.
pub(crate) const SLO_PATH: &str = "/api/v1/slo";

/// The paths that the same is shown at, for people and for programs.
pub(crate) const SLO_PAGE_PATHS: [&str; 2] = ["/status/slo", "/status/slo.json"];

/// Where the service-level objectives stand, and how they are tracked.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Slo {
    /// The folder with the objectives' JSON files, relative to the working directory.
    /// Default: `slo`, and where that folder doesn't exist there are no objectives. A folder that
    /// somebody names must exist.
    pub directory: PathBuf,
    /// How often good and bad events are looked at: more than 0, at most the shortest burn window.
    /// Default: 10 s.
    #[serde(serialize_with = "duration")]
    pub sample_interval: Duration,
    /// How long a time slice is, of objectives that count them: from the sampling interval to 1 h.
    /// Default: 1 min.
    #[serde(serialize_with = "duration")]
    pub slice: Duration,
    /// Where the fleet's figures come from. Default: nowhere.
    pub prometheus: SloPrometheus,
    /// Which pairs of burn windows raise alerts. Default: those of `burn_rate`.
    pub policy: SloPolicy,
    /// How fast a budget burns that is an alert.
    pub burn_rate: BurnRates,
    /// Declared maintenance: `{"from", "to", "reason"}`, with RFC 3339 times. Default: none.
    pub maintenance: Vec<Maintenance>,
}

/// Which pairs of burn windows raise alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SloPolicy {
    /// One pair for each level, as `burn_rate` has them.
    BurnRate,
    /// The four pairs of Google's *Site Reliability Workbook*: 14.4x, 6x, 3x and 1x.
    SreWorkbook,
}

words!(SloPolicy {
    BurnRate: "burn-rate",
    SreWorkbook: "sre-workbook",
});

impl Default for Slo {
    fn default() -> Self {
        Self {
            directory: "slo".into(),
            sample_interval: Duration::from_secs(10),
            slice: Duration::from_secs(60),
            prometheus: SloPrometheus::default(),
            policy: SloPolicy::BurnRate,
            burn_rate: BurnRates::default(),
            maintenance: Vec::new(),
        }
    }
}

impl Slo {
    /// The policy that holds.
    #[must_use]
    pub fn alert_policy(&self) -> Policy {
        match self.policy {
            SloPolicy::BurnRate => self.burn_rate.policy(),
            SloPolicy::SreWorkbook => Policy {
                min_bad: self.burn_rate.min_bad.counts(),
                ..Policy::sre_workbook()
            },
        }
    }

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("directory", &mut self.directory);
        section.field("sample_interval", &mut self.sample_interval);
        section.field("slice", &mut self.slice);
        section.optional_section("prometheus", |section| self.prometheus.read(section));
        section.field("policy", &mut self.policy);
        section.section("burn_rate", |section| self.burn_rate.read(section));
        section.list("maintenance", &mut self.maintenance);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        let path = "slo.directory";
        let fine = !check.is_set(path) || self.directory.is_dir();
        check.require(
            fine,
            path,
            format!("{:?}", self.directory),
            "an existing folder",
        );
        self.check_intervals(check);
        self.prometheus.check(check);
        self.burn_rate.check(self.policy, check);
    }

    fn check_intervals(&self, check: &mut Check<'_>) {
        let shortest = self.alert_policy().windows().first().copied();
        let sample = self.sample_interval;
        let fine = !sample.is_zero() && shortest.is_none_or(|shortest| sample <= shortest);
        let allowed = "more than 0s and at most the shortest burn window";
        check.duration_in(fine, "slo.sample_interval", sample, allowed);
        let slice = self.slice;
        let fine = slice >= sample && slice <= Duration::from_secs(3_600) && !slice.is_zero();
        let allowed = "from slo.sample_interval to 1h";
        check.duration_in(fine, "slo.slice", slice, allowed);
    }
}
