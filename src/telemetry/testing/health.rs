//! Health as plain values.

use std::time::Instant;

use crate::model::snapshot::health::{CheckState, HealthState, HealthStatus};

/// The health of a service, as its routes answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceHealth {
    /// The status of the whole.
    pub status: HealthStatus,
    /// True where `/api/v1/health/ready` answers 200.
    pub is_ready: bool,
    /// True where `/api/v1/health/live` answers 200.
    pub is_live: bool,
    /// True where `/api/v1/health/startup` answers 200.
    pub has_started: bool,
    /// The checks in the order of their registration.
    pub checks: Vec<CheckHealth>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckHealth {
    /// The check's id.
    pub id: String,
    /// Its status; `None` before its first result.
    pub status: Option<HealthStatus>,
    /// The public code, such as `ok`, `timeout` or `pending`.
    pub code: String,
    /// The private detail, such as the text of an error.
    pub detail: Option<String>,
}

impl ServiceHealth {
    pub(super) fn new(state: &HealthState, now: Instant) -> Self {
        let whole = state.evaluate(now);
        let checks = state.checks.iter();
        Self {
            status: whole.status,
            is_ready: whole.ready,
            is_live: whole.live,
            has_started: whole.started,
            checks: checks.map(|check| CheckHealth::new(check, now)).collect(),
        }
    }

    /// Returns the result of a check.
    ///
    /// # Panics
    ///
    /// When no check has this id, with those that there are.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test kit fails the test")]
    pub fn check(&self, id: &str) -> &CheckHealth {
        let found = self.checks.iter().find(|check| check.id == id);
        found.unwrap_or_else(|| {
            let ids: Vec<_> = self.checks.iter().map(|check| check.id.as_str()).collect();
            panic!("no check has the id {id}; there are: {}", ids.join(", "))
        })
    }
}

impl CheckHealth {
    fn new(check: &CheckState, now: Instant) -> Self {
        let result = check.last_result.as_ref();
        let detail = result.and_then(|result| result.detail.as_ref());
        Self {
            id: check.id.to_string(),
            status: check.status(now),
            code: check.code(now).to_owned(),
            detail: detail.map(|detail| detail.to_detail()),
        }
    }
}
