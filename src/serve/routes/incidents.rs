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
use super::request_base::RequestBase;
use super::response::{
    drain, error_response, fault_response, json_response, read_json, retry_later,
};
use super::route_parameter::RouteParameter;
use super::token_check::TokenCheck;
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use crate::serve::link_base::LinkBase;
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
    /// The configured base of links; otherwise it is that of each request.
    pub(crate) base: Option<LinkBase>,
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

    /// Maps a result to a response; errors say by their status whether to try again.
    fn respond(&self, result: Result<StatusId, IncidentError>, request: &LinkBase) -> Response {
        match result {
            Ok(id) => created_response(id, self.base.as_ref().unwrap_or(request)),
            Err(error) => failure_response(error),
        }
    }
}

pub(super) async fn open_incident(
    State(routes): State<Arc<IncidentRoutes>>,
    RequestBase(base): RequestBase,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let body = routes.read_authorized(&headers, body).await?;
    let result = routes.incidents.open_json(&body).await;
    Ok(routes.respond(result, &base))
}

pub(super) async fn announce_maintenance(
    State(routes): State<Arc<IncidentRoutes>>,
    RequestBase(base): RequestBase,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let body = routes.read_authorized(&headers, body).await?;
    let result = routes.incidents.announce_json(&body).await;
    Ok(routes.respond(result, &base))
}

pub(super) async fn add_update(
    State(routes): State<Arc<IncidentRoutes>>,
    RouteParameter(id): RouteParameter,
    RequestBase(base): RequestBase,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    // What is no text is no id either.
    let id = id.unwrap_or_default();
    let body = routes.read_authorized(&headers, body).await?;
    let result = routes.incidents.update_json(&id, &body).await;
    Ok(routes.respond(result, &base))
}

fn failure_response(error: IncidentError) -> Response {
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

/// Returns 201 with the id, and the URL of its page.
fn created_response(id: StatusId, base: &LinkBase) -> Response {
    let mut response = json_response(StatusCode::CREATED, &CreatedBody { id });
    // A parsed base, and twelve letters and digits: they are a header.
    if let Ok(location) = HeaderValue::from_str(&base.url(&Notice::path(id))) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
