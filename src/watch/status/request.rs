//! Request bodies of incidents and maintenance. An unknown key is reported as a fault.
//!
//! Every fault of a body is told at once, with the path of the value: who writes an incident at
//! night has no time for one fault after the other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::new_incident::{NewIncident, NewMaintenance, NewStatus, NewUpdate};
use super::validate::{IMPACTS, STATES, abbreviate};
use super::{IncidentError, Incidents};
use crate::model::fault::Fault;
use crate::model::json_object::{FaultWords, ObjectReader, parse_document};
use crate::model::json_value::format_scalar;
use crate::model::status::{ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId};
use crate::model::string_enum::StringEnum as _;

const WORDS: FaultWords = FaultWords {
    syntax: "a JSON object",
    object: "a JSON object",
    missing: "nothing",
    format: format_value,
};
const TIME: &str = "an RFC 3339 time such as 2026-12-01T02:00:00Z";
const TEXT: &str = "text";
const FLAG: &str = "true or false";
const INCIDENT_STATUSES: &str = "investigating, identified, monitoring, resolved, postmortem";
const STATUSES: &str = "investigating, identified, monitoring, resolved, postmortem; of a maintenance: \
                      scheduled, in_progress, verifying, completed";

impl Incidents {
    /// Opens an incident from JSON, for the routes.
    pub(crate) async fn open_json(&self, body: &[u8]) -> Result<StatusId, IncidentError> {
        let incident = parse_incident(body).map_err(IncidentError::Faults)?;
        self.open(incident).await
    }

    pub(crate) async fn announce_json(&self, body: &[u8]) -> Result<StatusId, IncidentError> {
        let maintenance = parse_maintenance(body).map_err(IncidentError::Faults)?;
        self.announce(maintenance).await
    }

    pub(crate) async fn update_json(
        &self,
        id: &str,
        body: &[u8],
    ) -> Result<StatusId, IncidentError> {
        let update = parse_update(body).map_err(IncidentError::Faults)?;
        let id = id.parse().map_err(|_| IncidentError::Unknown)?;
        self.update(id, update).await.map(|()| id)
    }
}

/// Parses the body of a new incident.
pub(crate) fn parse_incident(body: &[u8]) -> Result<NewIncident, Vec<Fault>> {
    parse(body, read_incident)
}

/// Parses the body of new maintenance.
pub(crate) fn parse_maintenance(body: &[u8]) -> Result<NewMaintenance, Vec<Fault>> {
    parse(body, read_maintenance)
}

/// Parses the body of an update of either.
pub(crate) fn parse_update(body: &[u8]) -> Result<NewUpdate, Vec<Fault>> {
    parse(body, read_update)
}

/// Parses a body; all its faults, or the value.
fn parse<T>(body: &[u8], read: impl FnOnce(&mut ObjectReader<'_>) -> T) -> Result<T, Vec<Fault>> {
    let value = parse_document(body, WORDS).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let parsed = ObjectReader::new("$", &value, WORDS, &mut faults).map(|mut reader| {
        let parsed = read(&mut reader);
        reject_unknown(&mut reader);
        parsed
    });
    parsed.filter(|_| faults.is_empty()).ok_or(faults)
}

/// Reads the body of `POST /api/v1/incidents`.
fn read_incident(reader: &mut ObjectReader<'_>) -> NewIncident {
    NewIncident {
        title: required_text(reader, "title"),
        body: required_text(reader, "body"),
        impact: reader.read_optional("impact", IMPACTS, word(Impact::from_word)),
        status: reader.read_optional("status", INCIDENT_STATUSES, word(IncidentStatus::from_word)),
        components: component_states(reader),
        started_at: reader.read_optional("started_at", TIME, time),
        draft: flag(reader, "draft"),
    }
}

/// Reads the body of `POST /api/v1/incidents/{id}/updates`.
fn read_update(reader: &mut ObjectReader<'_>) -> NewUpdate {
    NewUpdate {
        body: required_text(reader, "body"),
        status: reader.read_optional("status", STATUSES, word(status)),
        title: reader
            .read_optional("title", TEXT, text)
            .filter(|title| !title.is_empty()),
        impact: reader.read_optional("impact", IMPACTS, word(Impact::from_word)),
        components: component_states(reader),
        scheduled_until: reader.read_optional("scheduled_until", TIME, time),
        publish: flag(reader, "publish"),
    }
}

/// Reads the body of `POST /api/v1/maintenance`.
fn read_maintenance(reader: &mut ObjectReader<'_>) -> NewMaintenance {
    NewMaintenance {
        title: required_text(reader, "title"),
        body: required_text(reader, "body"),
        components: component_keys(reader),
        scheduled_for: reader
            .read_required("scheduled_for", TIME, time)
            .unwrap_or_default(),
        scheduled_until: reader
            .read_required("scheduled_until", TIME, time)
            .unwrap_or_default(),
        draft: flag(reader, "draft"),
    }
}

fn required_text(reader: &mut ObjectReader<'_>, key: &'static str) -> String {
    reader.read_required(key, TEXT, text).unwrap_or_default()
}

fn flag(reader: &mut ObjectReader<'_>, key: &'static str) -> bool {
    reader
        .read_optional(key, FLAG, Value::as_bool)
        .unwrap_or_default()
}

/// Reads the components with their states, such as `{"api": "major_outage"}`.
fn component_states(reader: &mut ObjectReader<'_>) -> BTreeMap<String, ComponentState> {
    let allowed = "an object of components and states, such as {\"api\": \"major_outage\"}";
    let components = reader.read_optional("components", allowed, Value::as_object);
    let mut states = BTreeMap::new();
    for (key, value) in components.into_iter().flatten() {
        match value.as_str().and_then(ComponentState::from_word) {
            Some(state) => drop(states.insert(key.clone(), state)),
            None => {
                let path = format!("components.{}", truncated(key));
                reader.add_fault(&path, format_value(value), STATES);
            }
        }
    }
    states
}

/// Reads the keys of components, such as `["api"]`.
fn component_keys(reader: &mut ObjectReader<'_>) -> Vec<String> {
    let allowed = "a list of components, such as [\"api\"]";
    let keys = reader.read_optional("components", allowed, |value| {
        value.as_array()?.iter().map(text).collect()
    });
    keys.unwrap_or_default()
}

/// Reports each key that was not read.
fn reject_unknown(reader: &mut ObjectReader<'_>) {
    let allowed = reader.read_keys().join(", ");
    let unknown: Vec<_> = reader.unknown_keys().collect();
    for key in unknown {
        reader.add_fault(truncated(key), "unknown key".into(), &allowed);
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn word<T>(parse: fn(&str) -> Option<T>) -> impl Fn(&Value) -> Option<T> {
    move |value| parse(value.as_str()?)
}

fn status(word: &str) -> Option<NewStatus> {
    let incident = IncidentStatus::from_word(word).map(NewStatus::Incident);
    incident.or_else(|| MaintenanceStatus::from_word(word).map(NewStatus::Maintenance))
}

fn format_value(value: &Value) -> String {
    match value {
        Value::String(text) => abbreviate(text),
        other => format_scalar(other),
    }
}

/// Returns the start of a key, as long as a message needs.
fn truncated(key: &str) -> &str {
    key.char_indices()
        .nth(64)
        .map_or(key, |(end, _)| &key[..end])
}
