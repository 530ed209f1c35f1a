//! How checks run, and who may read what they found.

use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::reader::Section;
use super::secret::Secret;
use super::setting::{duration, words};

/// The paths that health is answered at.
pub(crate) const HEALTH_PATHS: [&str; 5] = [
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/startup",
    "/api/v1/health/ready",
    "/api/v1/health/detailed",
];

/// How checks run, and who may read what they found. A check of the code may have times of its own.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// How often a check runs: more than 0, at most a day. Default: 10 s, as often as Kubernetes
    /// asks.
    #[serde(serialize_with = "duration")]
    pub interval: Duration,
    /// After how long a run has failed, whatever its future does: more than 0, at most a day.
    /// Default: 2 s.
    #[serde(serialize_with = "duration")]
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
    #[serde(serialize_with = "duration")]
    pub shutdown_delay: Duration,
    /// Who may read the detailed answer. Default: only who has the token.
    pub details: Details,
    /// The bearer token that opens error texts, addresses and versions. Default: none, and nobody
    /// sees them.
    pub details_token: Option<Secret>,
    /// The bearer token that those must bring who beat by HTTP. Default: none, and everybody may.
    pub write_token: Option<Secret>,
}

/// Who may read the detailed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Details {
    /// Only who has the token; others are answered with 401.
    Token,
    /// Everybody, without error texts, addresses and versions; those still need the token.
    OpenCodes,
}

words!(Details {
    Token: "token",
    OpenCodes: "open-codes",
});

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            jitter: 0.1,
            fail_after: 3,
            recover_after: 2,
            unready_on: Vec::new(),
            shutdown_delay: Duration::ZERO,
            details: Details::Token,
            details_token: None,
            write_token: None,
        }
    }
}

impl Health {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("interval", &mut self.interval);
        section.field("timeout", &mut self.timeout);
        section.field("jitter", &mut self.jitter);
        section.field("fail_after", &mut self.fail_after);
        section.field("recover_after", &mut self.recover_after);
        section.list("unready_on", &mut self.unready_on);
        section.field("shutdown_delay", &mut self.shutdown_delay);
        section.field("details", &mut self.details);
        section.field("details_token", &mut self.details_token);
        section.field("write_token", &mut self.write_token);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.duration("health.interval", self.interval);
        check.duration("health.timeout", self.timeout);
        let fine = (0.0..=1.0).contains(&self.jitter);
        check.require(fine, "health.jitter", self.jitter, "0 to 1");
        for (path, runs) in [
            ("health.fail_after", self.fail_after),
            ("health.recover_after", self.recover_after),
        ] {
            check.require((1..=100).contains(&runs), path, runs, "1 to 100");
        }
        for id in &self.unready_on {
            check.text("health.unready_on", id);
        }
        // None at all is allowed here, and everywhere else a slip.
        if !self.shutdown_delay.is_zero() {
            check.duration("health.shutdown_delay", self.shutdown_delay);
        }
        for (path, token) in [
            ("health.details_token", &self.details_token),
            ("health.write_token", &self.write_token),
        ] {
            if let Some(token) = token.as_ref().and_then(Secret::expose) {
                let fine = Secret::is_bearer_token(token);
                let mask = super::secret::MASK;
                check.require(fine, path, mask, Secret::BEARER_TOKEN);
            }
        }
    }
}
