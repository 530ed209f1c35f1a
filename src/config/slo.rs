//! Configuration of service level objectives.
//!
//! Objectives are declared in the JSON files of `slo.directory`. Here is how it is measured and
//! when it alerts: the same for all objectives of a process, and read by the generated rules, too.

mod burn_rate;
mod maintenance;
mod prometheus;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::field_value::config_enum;
use super::setting::section;
use super::validator::ConfigValidator;
use crate::model::slo::maintenance::SloMaintenance;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::units::format_duration;

pub use burn_rate::{BurnRatesConfig, BurnWindowsConfig, MinBadConfig};
pub use prometheus::SloPrometheusConfig;

const SAMPLE_PATH: &str = "slo.sample_interval";
const SLICE_PATH: &str = "slo.slice";
/// A longer slice would take more than an hour to say anything at all.
const MAX_SLICE: Duration = Duration::from_secs(3_600);

section! {
    /// The service level objectives: directory, sampling, alert policy, maintenance.
    ///
    /// ```
    /// use vantage_obs::config::{Environment, SloPolicy};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// assert_eq!(config.slo.alert_policy().pairs.len(), 2); // 10x is critical, 2x a warning
    /// config.slo.policy = SloPolicy::SreWorkbook;
    /// let slo = config.resolve(&Environment::empty())?.config.slo;
    /// assert_eq!(slo.alert_policy().pairs.len(), 4);
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct SloConfig, rules: check_rules {
        /// The folder with the objectives' JSON files, relative to the working directory.
        /// Default: `slo`, and where that folder doesn't exist there are no objectives. A folder that is
        /// set must exist.
        pub directory: PathBuf = "slo".into(), existing_folder;
        /// The interval at which good and bad events are sampled: more than 0, at most the shortest burn
        /// window. Default: 10 s.
        pub sample_interval: Duration = Duration::from_secs(10);
        /// The length of a time slice, for objectives that count them: from `sample_interval` to 1 h.
        /// Default: 1 min.
        pub slice: Duration = Duration::from_secs(60);
        /// The source of the fleet's figures. Default: none.
        pub prometheus: SloPrometheusConfig;
        /// The pairs of burn windows that raise alerts. Default: those of `burn_rate`.
        pub policy: SloPolicy = SloPolicy::BurnRate;
        /// The burn rates that raise alerts.
        pub burn_rate: BurnRatesConfig;
        /// Declared maintenance: `{"from", "to", "reason"}`, with RFC 3339 times. Default: none.
        pub maintenance: Vec<SloMaintenance>;
    }
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

config_enum!(SloPolicy {
    BurnRate: "burn-rate",
    SreWorkbook: "sre-workbook",
});

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

    fn check_rules(&self, _: &str, validator: &mut ConfigValidator<'_>) {
        let (sample, slice) = (self.sample_interval, self.slice);
        let allowed = "more than 0s";
        let shown = format_duration(sample);
        validator.require(!sample.is_zero(), SAMPLE_PATH, shown, allowed);
        // A sampling interval longer than the short window would leave it without a single sample.
        if let Some(shortest) = self.alert_policy().windows().first().copied() {
            let path = validator.responsible(&[
                SAMPLE_PATH,
                "slo.burn_rate.critical.short",
                "slo.burn_rate.warning.short",
            ]);
            let shown = format!(
                "a sample_interval of {} with a shortest burn window of {}",
                format_duration(sample),
                format_duration(shortest)
            );
            let allowed = "a sample_interval of at most the shortest burn window";
            validator.require(sample <= shortest, path, shown, allowed);
        }
        let fine = !slice.is_zero() && slice <= MAX_SLICE;
        let allowed = "more than 0s and at most 1h";
        validator.require(fine, SLICE_PATH, format_duration(slice), allowed);
        let path = validator.responsible(&[SLICE_PATH, SAMPLE_PATH]);
        let shown = format!(
            "a slice of {} with a sample_interval of {}",
            format_duration(slice),
            format_duration(sample)
        );
        let allowed = "a slice of at least sample_interval";
        // A slice is judged by its samples: one without any has no state.
        validator.require(slice >= sample, path, shown, allowed);
        self.burn_rate.check_in_force(self.policy, validator);
    }
}

/// Requires a folder that is set to exist; that of the default may be absent.
fn existing_folder(folder: &Path, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = !validator.is_set(path) || folder.is_dir();
    validator.require(fine, path, format!("{folder:?}"), "an existing folder");
}
