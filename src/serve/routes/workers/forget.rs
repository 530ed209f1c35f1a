//! `DELETE /api/v1/workers/{worker_id}`.
//!
//! | answer | when |
//! |---|---|
//! | 204 | it is forgotten |
//! | 401, 403 | the token is missing, wrong, or not configured |
//! | 404 | it is unknown |
//! | 409 | the store is shared, and this service has neither the role `api` nor `web` |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{MAX_BODY_BYTES, WorkerRoutes};
use crate::model::heartbeat::BeatId;
use crate::serve::routes::response::{drain, error_response};
use crate::serve::routes::route_parameter::RouteParameter;
use crate::watch::heartbeat::ForgetOutcome;

pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<WorkerRoutes>>,
    RouteParameter(id): RouteParameter,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let id = id.and_then(|id| BeatId::parse(&id));
    forget(&routes, id, &headers, body).await
}

/// Forgets the worker whose id is the last segment of the list's path.
pub(in crate::serve::routes) async fn respond_for_health(
    State(routes): State<Arc<WorkerRoutes>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    forget(&routes, BeatId::parse("health"), &headers, body).await
}

async fn forget(
    routes: &WorkerRoutes,
    id: Option<BeatId>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let refusal = routes.refuse_forget(headers).await;
    // None is needed; one that is sent all the same must not cost its sender the answer.
    drain(headers, body, MAX_BODY_BYTES).await;
    if let Some(refusal) = refusal {
        return refusal;
    }
    let outcome = id.map(|id| routes.receiver.forget(&id));
    match outcome.unwrap_or(ForgetOutcome::Unknown) {
        ForgetOutcome::Forgotten => {
            let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::NO_CONTENT, no_store).into_response()
        }
        ForgetOutcome::Unknown => error_response(StatusCode::NOT_FOUND, "no such worker"),
        ForgetOutcome::NotHere => error_response(
            StatusCode::CONFLICT,
            "this service does not know all workers of the store: ask one with the role api or web",
        ),
    }
}
