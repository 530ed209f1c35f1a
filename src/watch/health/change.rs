//! A change of the process's health, and its log line.

use std::sync::Arc;

use crate::background::notify::Change;
use crate::model::snapshot::health::{Criticality, HealthStatus};

/// Something about the process's health has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthChange {
    /// A check has another status.
    #[non_exhaustive]
    Check {
        /// Its id.
        id: Arc<str>,
        /// The state before; `None` before the first result, and where a callback is told the present state.
        from: Option<HealthStatus>,
        /// The state now.
        to: HealthStatus,
        /// The effect on the service.
        criticality: Criticality,
        /// The public reason.
        code: &'static str,
        /// The private reason.
        detail: Option<String>,
    },
    /// The whole has another status.
    #[non_exhaustive]
    Status {
        /// The status before; the same as `to` where a callback is told the present state.
        from: HealthStatus,
        /// The state now.
        to: HealthStatus,
    },
    /// The service may be sent requests from now on, or not any more.
    Ready(bool),
}

impl Change for HealthChange {
    const THREAD: &'static str = "vantage-health-news";
    const SUBJECT: &'static str = "health";

    fn log(&self) {
        match self {
            HealthChange::Check {
                id,
                from,
                to,
                criticality,
                code,
                detail,
            } => {
                let (from, to) = (from.map(HealthStatus::as_str), (*to, to.as_str()));
                let (check, criticality) = (&**id, criticality.as_str());
                let detail = detail.as_deref();
                match to {
                    // At `debug`: every start has one for each check.
                    (HealthStatus::Pass, to) if from.is_none() => {
                        tracing::debug!(
                            check,
                            criticality,
                            to,
                            "a health check has its first result"
                        );
                    }
                    (HealthStatus::Pass, to) => {
                        tracing::info!(
                            check,
                            criticality,
                            from,
                            to,
                            "a health check has recovered"
                        );
                    }
                    // A first result that is bad lands here as well: it is a change from what
                    // everybody hopes for.
                    (_, to) => {
                        tracing::warn!(
                            check,
                            criticality,
                            from,
                            to,
                            code,
                            detail,
                            "a health check has changed"
                        );
                    }
                }
            }
            HealthChange::Status { from, to } => {
                let (from, to) = (from.as_str(), (*to, to.as_str()));
                match to {
                    (HealthStatus::Fail, to) => {
                        tracing::error!(from, to, "the service's health has changed");
                    }
                    (_, to) => tracing::info!(from, to, "the service's health has changed"),
                }
            }
            HealthChange::Ready(true) => tracing::info!("the service is ready"),
            // What made it so has a line of its own.
            HealthChange::Ready(false) => tracing::info!("the service is not ready"),
        }
    }
}
