//! Statuspage's API, version 2, so that the clients that exist work.
//!
//! They are strict: an id is 12 of `a-z0-9`, a time has three decimals, the newest update comes first, and a
//! field that they don't know is an error. So there is nothing here that Statuspage doesn't have: a
//! component that nobody has looked at is left out, because no word of theirs says so.

mod objects;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use self::objects::{
    StatuspageComponent, StatuspageIncident, StatuspageMaintenance, StatuspagePage,
    StatuspageStatus,
};
use super::super::document::{HttpDocument, MediaType};
use super::{StatusRoutes, base_url, unavailable};
use crate::config::STATUSPAGE_PATHS;
use crate::model::status::{self, StatusSnapshot};

/// The body of a response: the parts that a path has.
#[derive(Serialize)]
struct StatuspageBody<'a> {
    page: StatuspagePage<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<StatuspageComponent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incidents: Option<Vec<StatuspageIncident<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_maintenances: Option<Vec<StatuspageMaintenance<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatuspageStatus>,
}

pub(super) fn add_routes(router: Router, routes: &Arc<StatusRoutes>) -> Router {
    STATUSPAGE_PATHS.into_iter().fold(router, |router, path| {
        router.route(path, get(respond).with_state(Arc::clone(routes)))
    })
}

async fn respond(
    State(routes): State<Arc<StatusRoutes>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(snapshot) = routes.latest.read() else {
        return unavailable(&routes);
    };
    let base = base_url(&headers);
    let body = statuspage_body(&snapshot, &base, uri.path());
    // Text, numbers and nothing that fails.
    let text = serde_json::to_string(&body).unwrap_or_default();
    HttpDocument::new(MediaType::Json, text).respond(&headers)
}

fn statuspage_body<'a>(
    snapshot: &'a StatusSnapshot,
    base: &'a str,
    path: &str,
) -> StatuspageBody<'a> {
    let mut body = StatuspageBody {
        page: StatuspagePage::new(snapshot, base),
        components: None,
        incidents: None,
        scheduled_maintenances: None,
        status: None,
    };
    let incidents = |wanted: fn(&status::Incident) -> bool| {
        let incidents = snapshot.incidents.iter().filter(|one| wanted(one));
        incidents
            .map(|one| StatuspageIncident::new(one, snapshot, base))
            .collect()
    };
    let maintenances = |wanted: fn(&status::ScheduledMaintenance) -> bool| {
        let maintenances = snapshot.maintenances.iter().filter(|one| wanted(one));
        maintenances
            .map(|one| StatuspageMaintenance::new(one, snapshot, base))
            .collect()
    };
    let below = path.strip_prefix("/api/v2/").unwrap_or(path);
    match below {
        "status.json" => body.status = Some(StatuspageStatus::from_snapshot(snapshot)),
        "components.json" => body.components = Some(StatuspageComponent::all_with_data(snapshot)),
        "incidents.json" => body.incidents = Some(incidents(|_| true)),
        "incidents/unresolved.json" => {
            body.incidents = Some(incidents(|one| !one.is_resolved()));
        }
        "scheduled-maintenances.json" => {
            body.scheduled_maintenances = Some(maintenances(|_| true));
        }
        "scheduled-maintenances/active.json" => {
            body.scheduled_maintenances =
                Some(maintenances(status::ScheduledMaintenance::is_active));
        }
        "scheduled-maintenances/upcoming.json" => {
            body.scheduled_maintenances =
                Some(maintenances(status::ScheduledMaintenance::is_upcoming));
        }
        _ => {
            body.components = Some(StatuspageComponent::all_with_data(snapshot));
            body.incidents = Some(incidents(|one| !one.is_resolved()));
            body.scheduled_maintenances = Some(maintenances(|one| !one.is_completed()));
            body.status = Some(StatuspageStatus::from_snapshot(snapshot));
        }
    }
    body
}
