//! Write routes: incidents, their updates, and maintenance.
//!
//! They need `status.token`, and are closed where there is none: what comes in here is shown to the public.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::rate_limit::RateLimit;
use super::response::{
    drain, error_response, fault_response, json_response, read_json, retry_later,
};
use super::route_parameter::RouteParameter;
use super::token_check::TokenCheck;
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use crate::serve::notice::Notice;
use crate::watch::status::{IncidentError, Incidents};

/// The maximum size of a body. The longest text and fifty components take a fifth of it.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The state of the incident routes.
#[derive(Debug)]
pub(crate) struct IncidentRoutes {
    pub(crate) incidents: Incidents,
    pub(crate) token: TokenCheck,
    pub(crate) clock: Clock,
    /// Shared by all routers of a process.
    pub(crate) rate_limit: Arc<RateLimit>,
}

#[derive(Serialize)]
struct CreatedBody {
    id: StatusId,
}

impl IncidentRoutes {
    /// Reads the body of an authorized request within the rate limit.
    async fn read_authorized(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Response> {
        // Before the rate limit: strangers must not use up what the owner may write.
        if let Err(refusal) = self.token.require(headers).await {
            drain(headers, body, MAX_BODY_BYTES).await;
            return Err(refusal);
        }
        if !self.rate_limit.try_acquire(self.clock.now()) {
            drain(headers, body, MAX_BODY_BYTES).await;
            let error = "at most 60 requests per minute are accepted";
            return Err(retry_later(StatusCode::TOO_MANY_REQUESTS, error, 60));
        }
        read_json(headers, body, MAX_BODY_BYTES).await
    }
}

pub(super) async fn open_incident(
    State(routes): State<Arc<IncidentRoutes>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let body = routes.read_authorized(&headers, body).await?;
    Ok(respond(routes.incidents.open_json(&body).await))
}

pub(super) async fn announce_maintenance(
    State(routes): State<Arc<IncidentRoutes>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let body = routes.read_authorized(&headers, body).await?;
    Ok(respond(routes.incidents.announce_json(&body).await))
}

pub(super) async fn add_update(
    State(routes): State<Arc<IncidentRoutes>>,
    RouteParameter(id): RouteParameter,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    // What is no text is no id either.
    let id = id.unwrap_or_default();
    let body = routes.read_authorized(&headers, body).await?;
    Ok(respond(routes.incidents.update_json(&id, &body).await))
}

/// Maps a result to a response; errors say by their status whether to try again.
fn respond(result: Result<StatusId, IncidentError>) -> Response {
    let error = match result {
        Ok(id) => return created_response(id),
        Err(error) => error,
    };
    let text = error.to_string();
    match error {
        IncidentError::Faults(faults) => {
            fault_response(StatusCode::BAD_REQUEST, "bad request", &faults)
        }
        IncidentError::Unknown | IncidentError::Disabled => {
            error_response(StatusCode::NOT_FOUND, &text)
        }
        IncidentError::Busy => error_response(StatusCode::CONFLICT, &text),
        IncidentError::StoreUnavailable => retry_later(StatusCode::SERVICE_UNAVAILABLE, &text, 5),
    }
}

/// Returns 201 with the id, and the address of its page.
fn created_response(id: StatusId) -> Response {
    let mut response = json_response(StatusCode::CREATED, &CreatedBody { id });
    // Twelve letters and digits are a header.
    if let Ok(location) = HeaderValue::from_str(&Notice::path(id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
