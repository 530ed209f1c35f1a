//! Configuration of health checks and their routes.
//!
//! Times here are the defaults of checks; a check that is registered in code may have its own.
//! Every one of them bounds something that a dependency could otherwise hold up for ever.

use std::time::Duration;

use super::checks::{bearer_token, each, optional, range, text, up_to_a_day};
use super::field_value::config_enum;
use super::secret::Secret;
use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// The intervals and limits of health checks, and the access to their results. A check of the code may have times of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::config::{Environment, Secret};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.health.timeout = Duration::from_millis(500);
    /// config.health.details_token = Some(Secret::from_env("HEALTH_TOKEN"));
    /// let environment = Environment::from_iter([("HEALTH_TOKEN", "s3cret")]);
    /// let health = config.resolve(&environment)?.config.health;
    /// assert_eq!(health.interval, Duration::from_secs(10));
    /// assert_eq!(health.details_token.and_then(|token| token.expose().map(str::to_owned)).as_deref(), Some("s3cret"));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct HealthConfig {
        /// The interval between runs of a check: more than 0, at most a day. Default: 10 s, the period of a
        /// Kubernetes probe.
        pub interval: Duration = Duration::from_secs(10), up_to_a_day;
        /// The time after which a run has failed, whatever its future does: more than 0, at most a day.
        /// Default: 2 s.
        pub timeout: Duration = Duration::from_secs(2), up_to_a_day;
        /// The share of an interval by which it is lengthened at random, 0 to 1, so that a fleet that was
        /// started together does not ask a dependency together. Default: 0.1.
        pub jitter: f64 = 0.1, range(0.0..=1.0);
        /// The number of consecutive worse runs after which a check gets worse, 1 to 100. Default: 3, as
        /// Kubernetes has it. The very first run decides alone.
        pub fail_after: usize = 3, range(1..=100);
        /// The number of consecutive better runs after which a check gets better, 1 to 100. Default: 2, so
        /// that one lucky answer is no recovery.
        pub recover_after: usize = 2, range(1..=100);
        /// The ids of critical, shared checks that take this instance out of rotation when they fail.
        /// Default: none. Every instance sees the same failure, so taking out one takes out all: then
        /// nobody is left to answer what does not need the dependency.
        pub unready_on: Vec<String>, each(text);
        /// The time that the listeners stay open after readiness has turned to 503, so that a load balancer
        /// can notice: at most a day. Default: 5 s on Kubernetes (where `KUBERNETES_SERVICE_HOST` is set),
        /// else 0 s.
        pub shutdown_delay: Duration, check_delay;
        /// The access to the detailed answer. Default: with the token only.
        pub details: HealthDetails = HealthDetails::Token;
        /// The bearer token that reveals error texts, addresses and versions. Default: none, and they are never
        /// shown.
        pub details_token: Option<Secret>, optional(bearer_token);
    }
}

/// The access to the detailed health response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthDetails {
    /// With the token only; any other request is answered with 401.
    Token,
    /// Without a token, but without error texts, addresses and versions, which still need it.
    OpenCodes,
}

config_enum!(HealthDetails {
    Token: "token",
    OpenCodes: "open-codes",
});

/// Requires at most a day; no delay at all is allowed here, and everywhere else a slip.
fn check_delay(delay: &Duration, path: &str, validator: &mut ConfigValidator<'_>) {
    if !delay.is_zero() {
        up_to_a_day(delay, path, validator);
    }
}
