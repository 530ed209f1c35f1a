//! What an objective raises now and did not before, and its log line.

use std::sync::Arc;

use crate::background::notify::Change;
use crate::model::slo::report::Alert;

/// An objective raises something else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SloAlertChange {
    /// Its id, such as `api.latency`.
    pub objective: Arc<str>,
    /// What it raised.
    pub from: Alert,
    /// What it raises.
    pub to: Alert,
}

impl Change for SloAlertChange {
    const THREAD: &'static str = "vantage-slo-news";
    const OF: &'static str = "an SLO alert";

    fn log(&self) {
        let SloAlertChange {
            objective,
            from,
            to,
        } = self;
        let (objective, from, alert) = (&**objective, from.as_str(), to.as_str());
        match to {
            Alert::Critical => {
                tracing::error!(objective, from, alert, "an error budget burns fast");
            }
            Alert::Warning => tracing::warn!(objective, from, alert, "an error budget burns"),
            Alert::Frozen | Alert::None => {
                tracing::info!(objective, from, alert, "an SLO alert has changed");
            }
        }
    }
}
