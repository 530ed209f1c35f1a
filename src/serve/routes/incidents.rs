//! The doors through which people write: incidents, what they add to them, and maintenance.
//!
//! They are open to whoever has `health.write_token`, and to nobody where there is none: unlike a beat,
//! what comes in here is shown to the public.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use serde::Serialize;

use super::answer::{Fault, json, later, read_json, refuse, unauthorized};
use super::headers::bearer;
use crate::config::{INCIDENTS_PATH, MAINTENANCE_PATH, Secret, UPDATES_PATH};
use crate::model::status::StatusId;
use crate::watch::status::{IncidentError, IncidentFault, Incidents};

/// The longest text and fifty components have a fifth of it.
const MOST: usize = 64 * 1024;

/// What the routes need to answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) incidents: Incidents,
    pub(crate) token: Option<Secret>,
}

#[derive(Serialize)]
struct Written {
    id: StatusId,
}

impl Page {
    /// The body, where somebody may write now.
    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Response> {
        if bearer(headers, self.token.as_ref()).is_none() {
            return Err(unauthorized(r#"Bearer realm="status""#));
        }
        if !self.incidents.has_room() {
            let error = "at most 60 a minute are taken";
            return Err(later(StatusCode::TOO_MANY_REQUESTS, error, 60));
        }
        read_json(headers, body, MOST).await
    }
}

/// Adds the routes.
pub(super) fn add(router: Router, page: Page) -> Router {
    let page = Arc::new(page);
    router
        .route(INCIDENTS_PATH, post(open).with_state(Arc::clone(&page)))
        .route(UPDATES_PATH, post(update).with_state(Arc::clone(&page)))
        .route(MAINTENANCE_PATH, post(announce).with_state(page))
}

async fn open(Shared(page): Shared<Arc<Page>>, headers: HeaderMap, body: Body) -> Response {
    match page.read(&headers, body).await {
        Ok(body) => answer(page.incidents.open_json(&body).await),
        Err(refused) => refused,
    }
}

async fn announce(Shared(page): Shared<Arc<Page>>, headers: HeaderMap, body: Body) -> Response {
    match page.read(&headers, body).await {
        Ok(body) => answer(page.incidents.announce_json(&body).await),
        Err(refused) => refused,
    }
}

async fn update(
    Shared(page): Shared<Arc<Page>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // What is no text is no id either.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    match page.read(&headers, body).await {
        Ok(body) => answer(page.incidents.update_json(&id, &body).await),
        Err(refused) => refused,
    }
}

fn answer(written: Result<StatusId, IncidentError>) -> Response {
    let error = match written {
        Ok(id) => return created(id),
        Err(error) => error,
    };
    let text = error.to_string();
    match error {
        IncidentError::Faults(faults) => {
            let faults = faults.into_iter().map(Fault::from).collect();
            refuse(StatusCode::BAD_REQUEST, "bad request", faults)
        }
        IncidentError::Unknown | IncidentError::Off => {
            refuse(StatusCode::NOT_FOUND, &text, Vec::new())
        }
        IncidentError::Busy => refuse(StatusCode::CONFLICT, &text, Vec::new()),
        IncidentError::Away => later(StatusCode::SERVICE_UNAVAILABLE, &text, 5),
    }
}

fn created(id: StatusId) -> Response {
    let mut response = json(StatusCode::CREATED, &Written { id });
    // Twelve letters and digits are a header.
    if let Ok(place) = HeaderValue::from_str(&format!("/status/incidents/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

impl From<IncidentFault> for Fault {
    fn from(fault: IncidentFault) -> Self {
        Self {
            path: fault.path,
            found: fault.found,
            allowed: fault.allowed,
        }
    }
}
