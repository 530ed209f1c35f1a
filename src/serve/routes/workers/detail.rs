//! `GET /api/v1/workers/{worker_id}/heartbeat`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::super::response::{error_response, fault_response, json_response};
use super::super::route_parameter::RouteParameter;
use super::{WorkerRoutes, query};
use crate::model::heartbeat::BeatId;
use crate::serve::time::Rfc3339Millis;
use crate::watch::heartbeat::registry::{WorkerState, WorkerView};

#[derive(Serialize)]
struct WorkerBody<'a> {
    worker_id: &'a str,
    state: &'static str,
    /// There where it is true.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
    last_seen: Option<Rfc3339Millis>,
    age_ms: Option<u64>,
    late_at: Option<Rfc3339Millis>,
    offline_at: Option<Rfc3339Millis>,
    boot_id: Option<&'a str>,
    sequence: u64,
    restarts: u64,
    clock_skew_ms: Option<i64>,
    progress: WorkerProgressBody,
}

#[derive(Serialize)]
struct WorkerProgressBody {
    in_flight: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<Rfc3339Millis>,
    oldest_in_flight_ms: Option<u64>,
    queue_depth: Option<u64>,
}

/// Responds with a worker. With `?strict=1` the status of one that is offline or stalled is 503, for
/// clients that only look at the status; not where its present state is not known.
pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<WorkerRoutes>>,
    RouteParameter(id): RouteParameter,
    uri: Uri,
) -> Response {
    let strict = match query::parse_strict(&uri) {
        Ok(strict) => strict,
        Err(faults) => return fault_response(StatusCode::BAD_REQUEST, "bad query", &faults),
    };
    // What is no id, or no text at all, is nobody's.
    let id = id.and_then(|id| BeatId::parse(&id));
    let view = id.and_then(|id| {
        let (mut registry, now) = routes.receiver.lock_registry();
        registry.view(&id, now)
    });
    let Some(view) = view else {
        return error_response(StatusCode::NOT_FOUND, "no such worker");
    };
    let is_unhealthy = matches!(
        view.state.shown(),
        WorkerState::Offline | WorkerState::Stalled
    );
    let status = if strict && is_unhealthy && !view.is_stale {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    json_response(status, &worker_body(&view))
}

fn worker_body(view: &WorkerView) -> WorkerBody<'_> {
    let (row, progress) = (&view.row, &view.row.progress);
    let oldest = progress.oldest_in_flight;
    WorkerBody {
        worker_id: row.id.as_str(),
        state: view.state.shown().as_str(),
        stale: view.is_stale,
        last_seen: row.last_seen.map(Rfc3339Millis),
        age_ms: view.age_ms(),
        late_at: view.late_at.map(Rfc3339Millis),
        offline_at: view.offline_at.map(Rfc3339Millis),
        boot_id: row.boot_id.as_deref(),
        sequence: row.sequence,
        restarts: row.restarts,
        clock_skew_ms: row.clock_skew_ms,
        progress: WorkerProgressBody {
            in_flight: progress.in_flight,
            processed_total: progress.processed_total,
            failed_total: progress.failed_total,
            last_progress_at: progress.last_progress_at.map(Rfc3339Millis),
            oldest_in_flight_ms: oldest
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            queue_depth: progress.queue_depth,
        },
    }
}
