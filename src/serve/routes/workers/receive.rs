//! `POST /api/v1/workers/{worker_id}/heartbeat`.
//!
//! | answer | when | the sender |
//! |---|---|---|
//! | 202 | read, whatever became of it | goes on |
//! | 400, 401, 403, 413, 415 | it can never be accepted | gives this beat up |
//! | 429 | full, or too fast | waits for `Retry-After` |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::super::route_parameter::RouteParameter;
use super::{MAX_BODY_BYTES, WorkerRoutes};
use crate::model::fault::Fault;
use crate::model::heartbeat::{Beat, BeatId};
use crate::serve::routes::response::{
    drain, fault_response, json_response, read_json, refuse_untyped, retry_later,
};
use crate::watch::heartbeat::registry::BeatRejection;

#[derive(Serialize)]
struct AcceptedBody<'a> {
    worker_id: &'a str,
    result: &'static str,
    state: &'static str,
}

pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<WorkerRoutes>>,
    RouteParameter(id): RouteParameter,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Invalid UTF-8 is no id either, and is rejected as such.
    let id = id.unwrap_or_default();
    let response = match read_beat(&routes, &id, &headers, body).await {
        Ok((id, beat, unknown)) => {
            routes.receiver.registry().count_unknown_fields(unknown);
            return ingest(&routes, &id, beat);
        }
        Err(response) => response,
    };
    // Counted also without a token: a fleet with a wrong one must be seen.
    routes.receiver.registry().count_refused();
    response
}

fn ingest(routes: &WorkerRoutes, id: &BeatId, beat: Beat) -> Response {
    match routes.receiver.ingest(id, beat) {
        Ok(receipt) => json_response(
            StatusCode::ACCEPTED,
            &AcceptedBody {
                worker_id: id.as_str(),
                result: receipt.outcome.as_str(),
                state: receipt.state.shown().as_str(),
            },
        ),
        Err(BeatRejection::Full) => {
            too_many_requests("the maximum number of workers is reached", 60)
        }
        Err(BeatRejection::TooFast) => {
            too_many_requests("this worker sends heartbeats too often", 1)
        }
    }
}

/// Reads a beat with its worker's id, and the number of its unknown fields; the error is the
/// response.
async fn read_beat(
    routes: &WorkerRoutes,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(BeatId, Beat, u64), Response> {
    // Before the body is read: whoever may not beat costs no parsing.
    let refusal = routes.refuse_beat(headers).await;
    if let Some(refusal) = refusal.or_else(|| refuse_untyped(headers)) {
        drain(headers, body, MAX_BODY_BYTES).await;
        return Err(refusal);
    }
    let body = read_json(headers, body, MAX_BODY_BYTES).await?;
    let max_interval = routes.receiver.max_interval();
    let parsed = (BeatId::parse(id), Beat::parse(&body, max_interval));
    if let (Some(id), Ok((beat, unknown))) = parsed {
        return Ok((id, beat, unknown));
    }
    Err(fault_response(
        StatusCode::BAD_REQUEST,
        "bad heartbeat",
        &request_faults(id, parsed),
    ))
}

type ParsedBeat = (
    Option<BeatId>,
    Result<(Beat, u64), crate::model::heartbeat::BeatParseError>,
);

/// Returns all faults of the id and of the body.
fn request_faults(found: &str, (id, beat): ParsedBeat) -> Vec<Fault> {
    let bad_id = Fault {
        path: "worker_id".into(),
        found: found.chars().take(64).collect(),
        allowed: BeatId::ALLOWED.into(),
    };
    let mut faults: Vec<_> = id.is_none().then_some(bad_id).into_iter().collect();
    if let Err(error) = beat {
        faults.extend_from_slice(error.faults());
    }
    faults
}

fn too_many_requests(error: &str, seconds: u64) -> Response {
    retry_later(StatusCode::TOO_MANY_REQUESTS, error, seconds)
}
