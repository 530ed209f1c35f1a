//! Statuspage's API, version 2, so that the clients that exist work.
//!
//! They are strict: an id is 12 of `a-z0-9`, a time has three decimals, the newest update comes first, and a
//! field that they don't know is an error. So there is nothing here that Statuspage doesn't have: a
//! component that nobody has looked at is left out, because no word of theirs says so. Lists have the newest 50,
//! as theirs.

mod objects;

use serde::Serialize;

use self::objects::{StatuspageComponent, StatuspageIncident, StatuspagePage, StatuspageStatus};
use super::public_json::to_public_json;
use crate::model::routes::StatuspageDocument;
use crate::model::status::{Incident, ScheduledMaintenance, StatusSnapshot};
use crate::serve::link_base::LinkBase;
use crate::serve::notice::{MAX_LISTED, Notice};

/// The body of a response: the parts that a path has.
#[derive(Serialize)]
struct StatuspageBody<'a> {
    page: StatuspagePage<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<StatuspageComponent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incidents: Option<Vec<StatuspageIncident<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_maintenances: Option<Vec<StatuspageIncident<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatuspageStatus>,
}

/// Renders a document.
pub(super) fn render(
    document: StatuspageDocument,
    snapshot: &StatusSnapshot,
    base: &LinkBase,
) -> String {
    use StatuspageDocument::{Components, Status, Summary};
    let incidents = |wanted: fn(&Incident) -> bool| {
        let wanted = snapshot.incidents.iter().filter(|one| wanted(one));
        let wanted = wanted.take(MAX_LISTED);
        let notices = wanted.map(Notice::from_incident);
        notices
            .map(|notice| StatuspageIncident::new(&notice, snapshot, base))
            .collect()
    };
    let maintenances = |wanted: fn(&ScheduledMaintenance) -> bool| {
        let wanted = snapshot.maintenances.iter().filter(|one| wanted(one));
        let wanted = wanted.take(MAX_LISTED);
        let notices = wanted.map(Notice::from_maintenance);
        notices
            .map(|notice| StatuspageIncident::new(&notice, snapshot, base))
            .collect()
    };
    to_public_json(&StatuspageBody {
        page: StatuspagePage::new(snapshot, base),
        components: matches!(document, Summary | Components)
            .then(|| StatuspageComponent::all_with_data(snapshot)),
        incidents: incident_filter(document).map(incidents),
        scheduled_maintenances: maintenance_filter(document).map(maintenances),
        status: matches!(document, Summary | Status)
            .then(|| StatuspageStatus::from_snapshot(snapshot)),
    })
}

/// Returns the incidents of a document; `None` for one without.
fn incident_filter(document: StatuspageDocument) -> Option<fn(&Incident) -> bool> {
    match document {
        StatuspageDocument::Incidents => Some(|_| true),
        StatuspageDocument::Summary | StatuspageDocument::UnresolvedIncidents => {
            Some(|one| !one.is_resolved())
        }
        _ => None,
    }
}

/// Returns the maintenance of a document; `None` for one without.
fn maintenance_filter(document: StatuspageDocument) -> Option<fn(&ScheduledMaintenance) -> bool> {
    match document {
        StatuspageDocument::Maintenances => Some(|_| true),
        StatuspageDocument::Summary => Some(|one| !one.is_completed()),
        StatuspageDocument::ActiveMaintenances => Some(ScheduledMaintenance::is_active),
        StatuspageDocument::UpcomingMaintenances => Some(ScheduledMaintenance::is_upcoming),
        _ => None,
    }
}
