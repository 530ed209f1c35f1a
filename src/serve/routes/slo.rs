//! The report of the objectives.

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use jiff::Timestamp;
use serde_json::json;

use crate::model::snapshot::slo::{LatestFleet, LatestSlo};
use crate::record::clock::Clock;

/// What the route shows.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// This process's report.
    pub(crate) own: LatestSlo,
    /// The fleet's, where it is asked for.
    pub(crate) fleet: Option<LatestFleet>,
    pub(crate) clock: Clock,
}

/// Answers with what was judged last, or was heard last of the fleet.
pub(super) fn route(page: Page) -> MethodRouter {
    get(report).with_state(page)
}

async fn report(State(page): State<Page>, RawQuery(query): RawQuery) -> Response {
    let mut pairs = query.as_deref().unwrap_or_default().split('&');
    match pairs.find_map(|pair| pair.strip_prefix("source=")) {
        None | Some("local") => page.own(),
        Some("prometheus") => page.fleet(),
        Some(_) => refusal(
            StatusCode::BAD_REQUEST,
            "no such source; allowed: local, prometheus",
        ),
    }
}

impl Page {
    fn own(&self) -> Response {
        match self.own.read() {
            Some(report) => answer(StatusCode::OK, report.to_json()),
            None => refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "the objectives were not judged yet",
            ),
        }
    }

    fn fleet(&self) -> Response {
        let Some(fleet) = &self.fleet else {
            let why = "this service doesn't ask for the fleet's figures: slo.prometheus.url is not configured";
            return refusal(StatusCode::NOT_FOUND, why);
        };
        let now = Timestamp::try_from(self.clock.wall()).unwrap_or_default();
        match fleet.read(now) {
            Ok(report) => answer(StatusCode::OK, report.to_json()),
            Err(none) => refusal(StatusCode::SERVICE_UNAVAILABLE, &none.to_string()),
        }
    }
}

fn refusal(status: StatusCode, error: &str) -> Response {
    answer(status, json!({ "error": error }).to_string())
}

fn answer(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
