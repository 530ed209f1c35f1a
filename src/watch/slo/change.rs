//! The change of an objective's alert state, and its log line.

use std::sync::Arc;

use crate::background::notify::Change;
use crate::model::slo::report::{AlertState, ObjectiveReport};

/// A change of an objective's alert state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SloAlertChange {
    /// Its id, such as `api.latency`.
    pub objective: Arc<str>,
    /// The state before; the same as `to` where the present state is told at registration.
    pub from: AlertState,
    /// The state now.
    pub to: AlertState,
}

impl SloAlertChange {
    /// Returns the present state of an objective as a change that changes nothing.
    pub(super) fn present(report: &ObjectiveReport) -> Self {
        Self {
            objective: format!("{}.{}", report.service, report.name).into(),
            from: report.alert,
            to: report.alert,
        }
    }
}

impl Change for SloAlertChange {
    const THREAD: &'static str = "vantage-slo-news";
    const SUBJECT: &'static str = "an SLO alert";

    fn log(&self) {
        let SloAlertChange {
            objective,
            from,
            to,
        } = self;
        let (objective, from, alert) = (&**objective, from.as_str(), to.as_str());
        match to {
            AlertState::Critical => {
                tracing::error!(
                    objective,
                    from,
                    alert,
                    "an error budget burns at a critical rate"
                );
            }
            AlertState::Warning => {
                tracing::warn!(objective, from, alert, "an error budget burns too fast");
            }
            AlertState::Frozen => tracing::info!(
                objective,
                from,
                alert,
                "samples are missing: an SLO alert neither fires nor clears"
            ),
            AlertState::None => {
                tracing::info!(objective, from, alert, "no error budget alert");
            }
        }
    }
}
