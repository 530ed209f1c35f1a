//! Statuspage's API, version 2, so that the clients that exist work.
//!
//! They are strict: an id is 12 of `a-z0-9`, a time has three decimals, the newest update comes first, and a
//! field that they don't know is an error. So there is nothing here that Statuspage doesn't have: a
//! component that nobody has looked at is left out, because no word of theirs says so.

mod objects;

use serde::Serialize;

use self::objects::{
    StatuspageComponent, StatuspageIncident, StatuspageMaintenance, StatuspagePage,
    StatuspageStatus,
};
use crate::model::routes::StatuspageDocument;
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

/// Renders a document. `base` is the URL that the service is reached at.
pub(super) fn render(
    document: StatuspageDocument,
    snapshot: &StatusSnapshot,
    base: &str,
) -> String {
    // Text, numbers and nothing that fails.
    serde_json::to_string(&statuspage_body(document, snapshot, base)).unwrap_or_default()
}

fn statuspage_body<'a>(
    document: StatuspageDocument,
    snapshot: &'a StatusSnapshot,
    base: &'a str,
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
    match document {
        StatuspageDocument::Summary => {
            body.components = Some(StatuspageComponent::all_with_data(snapshot));
            body.incidents = Some(incidents(|one| !one.is_resolved()));
            body.scheduled_maintenances = Some(maintenances(|one| !one.is_completed()));
            body.status = Some(StatuspageStatus::from_snapshot(snapshot));
        }
        StatuspageDocument::Status => {
            body.status = Some(StatuspageStatus::from_snapshot(snapshot));
        }
        StatuspageDocument::Components => {
            body.components = Some(StatuspageComponent::all_with_data(snapshot));
        }
        StatuspageDocument::Incidents => body.incidents = Some(incidents(|_| true)),
        StatuspageDocument::UnresolvedIncidents => {
            body.incidents = Some(incidents(|one| !one.is_resolved()));
        }
        StatuspageDocument::Maintenances => {
            body.scheduled_maintenances = Some(maintenances(|_| true));
        }
        StatuspageDocument::ActiveMaintenances => {
            body.scheduled_maintenances =
                Some(maintenances(status::ScheduledMaintenance::is_active));
        }
        StatuspageDocument::UpcomingMaintenances => {
            body.scheduled_maintenances =
                Some(maintenances(status::ScheduledMaintenance::is_upcoming));
        }
    }
    body
}
