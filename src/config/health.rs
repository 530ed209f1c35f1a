//! Configuration of health checks and their routes.

use std::time::Duration;

use serde::Serialize;

use super::field_value::{serialize_duration, string_enum};
use super::reader::SectionReader;
use super::secret::Secret;
use super::validator::ConfigValidator;

/// The paths that health is answered at.
pub(crate) const HEALTH_PATHS: [&str; 5] = [
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/startup",
    "/api/v1/health/ready",
    "/api/v1/health/detailed",
];

/// The intervals and limits of health checks, and the access to their results. A check of the code may have times of its own.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HealthConfig {
    /// How often a check runs: more than 0, at most a day. Default: 10 s, as often as Kubernetes
    /// asks.
    #[serde(serialize_with = "serialize_duration")]
    pub interval: Duration,
    /// After how long a run has failed, whatever its future does: more than 0, at most a day.
    /// Default: 2 s.
    #[serde(serialize_with = "serialize_duration")]
    pub timeout: Duration,
    /// By how much an interval is lengthened at random, as a share of it, 0 to 1, so that a fleet
    /// that was started together does not ask a dependency together. Default: 0.1.
    pub jitter: f64,
    /// How many runs in a row must be worse before a check gets worse, 1 to 100. Default: 3, as
    /// Kubernetes has it. The very first run decides alone.
    pub fail_after: usize,
    /// How many runs in a row must be better before a check gets better, 1 to 100. Default: 2, so
    /// that one lucky answer is no recovery.
    pub recover_after: usize,
    /// The ids of critical, shared checks that take this instance out of rotation when they fail.
    /// Default: none. Every instance sees the same failure, so taking out one takes out all: then
    /// nobody is left to answer what does not need the dependency.
    pub unready_on: Vec<String>,
    /// How long the listeners stay open after the instance has said that it is not ready, so that
    /// whoever routes to it can notice: at most a day. Default: 0 s.
    #[serde(serialize_with = "serialize_duration")]
    pub shutdown_delay: Duration,
    /// Who may read the detailed answer. Default: only who has the token.
    pub details: HealthDetails,
    /// The bearer token that opens error texts, addresses and versions. Default: none, and nobody
    /// sees them.
    pub details_token: Option<Secret>,
    /// Bearer token required for heartbeats over HTTP. Default: none (unauthenticated).
    pub write_token: Option<Secret>,
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

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            jitter: 0.1,
            fail_after: 3,
            recover_after: 2,
            unready_on: Vec::new(),
            shutdown_delay: Duration::ZERO,
            details: HealthDetails::Token,
            details_token: None,
            write_token: None,
        }
    }
}

impl HealthConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("interval", &mut self.interval);
        section.read_field("timeout", &mut self.timeout);
        section.read_field("jitter", &mut self.jitter);
        section.read_field("fail_after", &mut self.fail_after);
        section.read_field("recover_after", &mut self.recover_after);
        section.read_list("unready_on", &mut self.unready_on);
        section.read_field("shutdown_delay", &mut self.shutdown_delay);
        section.read_field("details", &mut self.details);
        section.read_field("details_token", &mut self.details_token);
        section.read_field("write_token", &mut self.write_token);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        validator.require_duration("health.interval", self.interval);
        validator.require_duration("health.timeout", self.timeout);
        let fine = (0.0..=1.0).contains(&self.jitter);
        validator.require(fine, "health.jitter", self.jitter, "0 to 1");
        for (path, runs) in [
            ("health.fail_after", self.fail_after),
            ("health.recover_after", self.recover_after),
        ] {
            validator.require((1..=100).contains(&runs), path, runs, "1 to 100");
        }
        for id in &self.unready_on {
            validator.require_text("health.unready_on", id);
        }
        // None at all is allowed here, and everywhere else a slip.
        if !self.shutdown_delay.is_zero() {
            validator.require_duration("health.shutdown_delay", self.shutdown_delay);
        }
        for (path, token) in [
            ("health.details_token", &self.details_token),
            ("health.write_token", &self.write_token),
        ] {
            if let Some(token) = token.as_ref().and_then(Secret::expose) {
                let fine = Secret::is_bearer_token(token);
                let mask = super::secret::MASK;
                validator.require(fine, path, mask, Secret::BEARER_TOKEN);
            }
        }
    }
}
