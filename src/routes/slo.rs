//! The report of the objectives.

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use crate::snapshot::slo::LatestSlo;

/// Answers with what was judged last.
pub(super) fn route(latest: LatestSlo) -> MethodRouter {
    get(report).with_state(latest)
}

async fn report(State(latest): State<LatestSlo>, RawQuery(query): RawQuery) -> Response {
    let mut pairs = query.as_deref().unwrap_or_default().split('&');
    let source = pairs.find_map(|pair| pair.strip_prefix("source="));
    match (source, latest.read()) {
        (None | Some("local"), Some(report)) => json(StatusCode::OK, report.to_json()),
        (None | Some("local"), None) => {
            let error = r#"{"error":"the objectives were not judged yet"}"#;
            json(StatusCode::SERVICE_UNAVAILABLE, error.into())
        }
        _ => {
            let error = r#"{"error":"no such source; allowed: local"}"#;
            json(StatusCode::BAD_REQUEST, error.into())
        }
    }
}

fn json(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
