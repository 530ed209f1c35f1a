//! Configuration of service level objectives.

mod burn_rate;
mod maintenance;
mod prometheus;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::field_value::{serialize_duration, string_enum};
use super::reader::SectionReader;
use super::validator::ConfigValidator;
use crate::model::slo::maintenance::SloMaintenance;
use crate::model::slo::policy::BurnRatePolicy;

pub use burn_rate::{BurnRatesConfig, BurnWindowsConfig, MinBadConfig};
pub use prometheus::SloPrometheusConfig;

/// The path that the report of the objectives is answered at.
pub(crate) const SLO_PATH: &str = "/api/v1/slo";

/// The paths that the same is shown at, for people and for programs.
pub(crate) const SLO_PAGE_PATHS: [&str; 2] = ["/status/slo", "/status/slo.json"];

/// The service level objectives: directory, sampling, alert policy, maintenance.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SloConfig {
    /// The folder with the objectives' JSON files, relative to the working directory.
    /// Default: `slo`, and where that folder doesn't exist there are no objectives. A folder that
    /// somebody names must exist.
    pub directory: PathBuf,
    /// How often good and bad events are looked at: more than 0, at most the shortest burn window.
    /// Default: 10 s.
    #[serde(serialize_with = "serialize_duration")]
    pub sample_interval: Duration,
    /// How long a time slice is, of objectives that count them: from the sampling interval to 1 h.
    /// Default: 1 min.
    #[serde(serialize_with = "serialize_duration")]
    pub slice: Duration,
    /// Where the fleet's figures come from. Default: nowhere.
    pub prometheus: SloPrometheusConfig,
    /// Which pairs of burn windows raise alerts. Default: those of `burn_rate`.
    pub policy: SloPolicy,
    /// How fast a budget burns that is an alert.
    pub burn_rate: BurnRatesConfig,
    /// Declared maintenance: `{"from", "to", "reason"}`, with RFC 3339 times. Default: none.
    pub maintenance: Vec<SloMaintenance>,
}

/// The pairs of burn windows that raise alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SloPolicy {
    /// One pair for each level, as `burn_rate` has them.
    BurnRate,
    /// The four pairs of Google's *Site Reliability Workbook*: 14.4x, 6x, 3x and 1x.
    SreWorkbook,
}

string_enum!(SloPolicy {
    BurnRate: "burn-rate",
    SreWorkbook: "sre-workbook",
});

impl Default for SloConfig {
    fn default() -> Self {
        Self {
            directory: "slo".into(),
            sample_interval: Duration::from_secs(10),
            slice: Duration::from_secs(60),
            prometheus: SloPrometheusConfig::default(),
            policy: SloPolicy::BurnRate,
            burn_rate: BurnRatesConfig::default(),
            maintenance: Vec::new(),
        }
    }
}

impl SloConfig {
    /// Returns the effective alert policy.
    #[must_use]
    pub fn alert_policy(&self) -> BurnRatePolicy {
        match self.policy {
            SloPolicy::BurnRate => self.burn_rate.to_policy(),
            SloPolicy::SreWorkbook => BurnRatePolicy {
                min_bad: self.burn_rate.min_bad.to_min_bad_events(),
                ..BurnRatePolicy::sre_workbook()
            },
        }
    }

    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("directory", &mut self.directory);
        section.read_field("sample_interval", &mut self.sample_interval);
        section.read_field("slice", &mut self.slice);
        section.read_optional_section("prometheus", |section| self.prometheus.read(section));
        section.read_field("policy", &mut self.policy);
        section.read_section("burn_rate", |section| self.burn_rate.read(section));
        section.read_list("maintenance", &mut self.maintenance);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        let path = "slo.directory";
        let fine = !validator.is_set(path) || self.directory.is_dir();
        validator.require(
            fine,
            path,
            format!("{:?}", self.directory),
            "an existing folder",
        );
        self.validate_intervals(validator);
        self.prometheus.validate(validator);
        self.burn_rate.validate(self.policy, validator);
    }

    fn validate_intervals(&self, validator: &mut ConfigValidator<'_>) {
        let shortest = self.alert_policy().windows().first().copied();
        let sample = self.sample_interval;
        let fine = !sample.is_zero() && shortest.is_none_or(|shortest| sample <= shortest);
        let allowed = "more than 0s and at most the shortest burn window";
        validator.require_duration_in(fine, "slo.sample_interval", sample, allowed);
        let slice = self.slice;
        let fine = slice >= sample && slice <= Duration::from_secs(3_600) && !slice.is_zero();
        let allowed = "from slo.sample_interval to 1h";
        validator.require_duration_in(fine, "slo.slice", slice, allowed);
    }
}
