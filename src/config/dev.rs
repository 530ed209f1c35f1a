//! The development page.

use super::Config;
use super::setting::section;
use super::validator::ConfigValidator;

/// The names of an environment in which the page is refused.
const PRODUCTION: [&str; 2] = ["production", "prod"];

section! {
    /// The development page: recent requests, jobs, traces and log lines of this process, for those who write it.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_DEV_ENABLED", "true")]);
    /// let dev = Config::new("shop", Role::Api).resolve(&environment)?.config.dev;
    /// assert!(dev.enabled);
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct DevConfig {
        /// Serves the development page at `/dev`, to this machine alone: it keeps the latest spans and log lines in
        /// memory, and every trace is kept, whatever `traces.sample_ratio` says. Refused where `service.environment` is
        /// `production` or `prod`, and not for a host with a proxy in front: one that adds no header can't be told from
        /// this machine. Default: false, and nothing of it is there.
        pub enabled: bool;
    }
}

/// Refuses the page in production: spans and log lines would be open to every client of a proxy on the host.
pub(super) fn check_environment(config: &Config, validator: &mut ConfigValidator<'_>) {
    let environment = config.service.environment.as_deref().unwrap_or_default();
    let is_production = |name: &&str| environment.eq_ignore_ascii_case(name);
    let fine = !config.dev.enabled || !PRODUCTION.iter().any(is_production);
    let at = validator.responsible(&["dev.enabled", "service.environment"]);
    let shown = format!("a development page in the environment {environment:?}");
    validator.require(fine, at, shown, "dev.enabled outside of production");
}
