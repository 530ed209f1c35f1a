//! Configuration of health checks and their routes.

use std::time::Duration;

use super::checks::{bearer_token, each, optional, range, text, up_to_a_day};
use super::field_value::string_enum;
use super::secret::Secret;
use super::setting::section;
use super::validator::ConfigValidator;

/// The paths that health is answered at.
pub(crate) const HEALTH_PATHS: [&str; 5] = [
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/startup",
    "/api/v1/health/ready",
    "/api/v1/health/detailed",
];

section! {
    /// The intervals and limits of health checks, and the access to their results. A check of the code may have times of its own.
    pub struct HealthConfig {
        /// How often a check runs: more than 0, at most a day. Default: 10 s, as often as Kubernetes
        /// asks.
        pub interval: Duration = Duration::from_secs(10), up_to_a_day;
        /// After how long a run has failed, whatever its future does: more than 0, at most a day.
        /// Default: 2 s.
        pub timeout: Duration = Duration::from_secs(2), up_to_a_day;
        /// By how much an interval is lengthened at random, as a share of it, 0 to 1, so that a fleet
        /// that was started together does not ask a dependency together. Default: 0.1.
        pub jitter: f64 = 0.1, range(0.0..=1.0);
        /// How many runs in a row must be worse before a check gets worse, 1 to 100. Default: 3, as
        /// Kubernetes has it. The very first run decides alone.
        pub fail_after: usize = 3, range(1..=100);
        /// How many runs in a row must be better before a check gets better, 1 to 100. Default: 2, so
        /// that one lucky answer is no recovery.
        pub recover_after: usize = 2, range(1..=100);
        /// The ids of critical, shared checks that take this instance out of rotation when they fail.
        /// Default: none. Every instance sees the same failure, so taking out one takes out all: then
        /// nobody is left to answer what does not need the dependency.
        pub unready_on: Vec<String>, each(text);
        /// How long the listeners stay open after the instance has said that it is not ready, so that
        /// whoever routes to it can notice: at most a day. Default: 0 s.
        pub shutdown_delay: Duration, check_delay;
        /// Who may read the detailed answer. Default: only who has the token.
        pub details: HealthDetails = HealthDetails::Token;
        /// The bearer token that opens error texts, addresses and versions. Default: none, and nobody
        /// sees them.
        pub details_token: Option<Secret>, optional(bearer_token);
        /// Bearer token required for heartbeats over HTTP. Default: none (unauthenticated).
        pub write_token: Option<Secret>, optional(bearer_token);
    }
}

/// The access to the detailed health response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthDetails {
    /// Only who has the token; others are answered with 401.
    Token,
    /// Everybody, without error texts, addresses and versions; those still need the token.
    OpenCodes,
}

string_enum!(HealthDetails {
    Token: "token",
    OpenCodes: "open-codes",
});

/// Requires at most a day; no delay at all is allowed here, and everywhere else a slip.
fn check_delay(delay: &Duration, path: &str, validator: &mut ConfigValidator<'_>) {
    if !delay.is_zero() {
        up_to_a_day(delay, path, validator);
    }
}
