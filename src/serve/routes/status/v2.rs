//! Statuspage's API, version 2, so that the clients that exist work.
//!
//! They are strict: an id is 12 of `a-z0-9`, a time has three decimals, the newest update comes first, and a
//! field that they don't know is an error. So there is nothing here that Statuspage doesn't have: a
//! component that nobody has looked at is left out, because no word of theirs says so.

mod shapes;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use self::shapes::{Component, Incident, Maintenance, PageOf, Status};
use super::super::document::{Document, Type};
use super::{Page, base, unavailable};
use crate::config::STATUSPAGE_PATHS;
use crate::model::status::{self, StatusSnapshot};

/// Any of the answers: those of its parts that a path has.
#[derive(Serialize)]
struct Answer<'a> {
    page: PageOf<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<Component<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incidents: Option<Vec<Incident<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_maintenances: Option<Vec<Maintenance<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

pub(super) fn add(router: Router, page: &Arc<Page>) -> Router {
    STATUSPAGE_PATHS.into_iter().fold(router, |router, path| {
        router.route(path, get(answer).with_state(Arc::clone(page)))
    })
}

async fn answer(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(snapshot) = page.latest.read() else {
        return unavailable(&page);
    };
    let base = base(&headers);
    let answer = fill(&snapshot, &base, uri.path());
    // Text, numbers and nothing that fails.
    let text = serde_json::to_string(&answer).unwrap_or_default();
    Document::new(Type::Json, text).answer(&headers)
}

fn fill<'a>(snapshot: &'a StatusSnapshot, base: &'a str, path: &str) -> Answer<'a> {
    let mut answer = Answer {
        page: PageOf::of(snapshot, base),
        components: None,
        incidents: None,
        scheduled_maintenances: None,
        status: None,
    };
    let incidents = |wanted: fn(&status::Incident) -> bool| {
        let incidents = snapshot.incidents.iter().filter(|one| wanted(one));
        incidents
            .map(|one| Incident::of(one, snapshot, base))
            .collect()
    };
    let maintenances = |wanted: fn(&status::Maintenance) -> bool| {
        let maintenances = snapshot.maintenances.iter().filter(|one| wanted(one));
        maintenances
            .map(|one| Maintenance::of(one, snapshot, base))
            .collect()
    };
    let below = path.strip_prefix("/api/v2/").unwrap_or(path);
    match below {
        "status.json" => answer.status = Some(Status::of(snapshot)),
        "components.json" => answer.components = Some(Component::all(snapshot)),
        "incidents.json" => answer.incidents = Some(incidents(|_| true)),
        "incidents/unresolved.json" => {
            answer.incidents = Some(incidents(|one| !one.is_resolved()));
        }
        "scheduled-maintenances.json" => {
            answer.scheduled_maintenances = Some(maintenances(|_| true));
        }
        "scheduled-maintenances/active.json" => {
            answer.scheduled_maintenances = Some(maintenances(status::Maintenance::is_active));
        }
        "scheduled-maintenances/upcoming.json" => {
            answer.scheduled_maintenances = Some(maintenances(status::Maintenance::is_upcoming));
        }
        _ => {
            answer.components = Some(Component::all(snapshot));
            answer.incidents = Some(incidents(|one| !one.is_resolved()));
            answer.scheduled_maintenances = Some(maintenances(|one| !one.is_completed()));
            answer.status = Some(Status::of(snapshot));
        }
    }
    answer
}
