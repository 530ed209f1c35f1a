//! The route of the objectives' report.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;

use super::query_string::QueryString;
use super::response::{error_response, json_text_response};
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::model::snapshot::slo::LatestSloReport;
use crate::record::clock::Clock;

/// The state of the report's route.
#[derive(Clone, Debug)]
pub(crate) struct SloReportRoutes {
    /// Report of this process.
    pub(crate) local: LatestSloReport,
    /// Report of the fleet, if configured.
    pub(crate) fleet: Option<LatestFleetReport>,
    pub(crate) clock: Clock,
}

/// Responds with the latest report of this process or of the fleet.
pub(super) async fn respond(State(routes): State<SloReportRoutes>, uri: Uri) -> Response {
    match QueryString::parse(&uri).last("source") {
        None | Some("local") => routes.local_report(),
        Some("prometheus") => routes.fleet_report(),
        Some(_) => error_response(
            StatusCode::BAD_REQUEST,
            "no such source; allowed: local, prometheus",
        ),
    }
}

impl SloReportRoutes {
    fn local_report(&self) -> Response {
        match self.local.read() {
            Some(report) => json_text_response(StatusCode::OK, report.to_json()),
            None => error_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "the objectives have not been evaluated yet",
            ),
        }
    }

    fn fleet_report(&self) -> Response {
        let Some(fleet) = &self.fleet else {
            let message =
                "this service does not report on the fleet: slo.prometheus.url is not configured";
            return error_response(StatusCode::NOT_FOUND, message);
        };
        let now = Timestamp::try_from(self.clock.wall()).unwrap_or_default();
        match fleet.read(now) {
            Ok(report) => json_text_response(StatusCode::OK, report.to_json()),
            Err(error) => error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        }
    }
}
