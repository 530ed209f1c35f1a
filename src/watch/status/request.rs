//! Request bodies of incidents and maintenance. An unknown key is reported as a fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::new_incident::{NewIncident, NewMaintenance, NewStatus, NewUpdate};
use super::validate::abbreviate;
use super::{IncidentError, IncidentFault, Incidents};
use crate::model::status::{ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId};

type RequestResult<T> = Result<T, Vec<IncidentFault>>;

const TIME: &str = "an RFC 3339 time such as 2026-12-01T02:00:00Z";
const TEXT: &str = "text";

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

/// The reader of a request's JSON object, which collects faults.
struct RequestReader<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<IncidentFault>,
}

/// Reads the body of `POST /api/v1/incidents`.
fn parse_incident(body: &[u8]) -> RequestResult<NewIncident> {
    parse_object(body, |reader| NewIncident {
        title: reader.text("title", true),
        body: reader.text("body", true),
        impact: reader.parsed("impact", Impact::parse, "none, minor, major, critical"),
        status: reader.parsed("status", IncidentStatus::parse, INCIDENT_STATUSES),
        components: reader.component_states(),
        started_at: reader.time("started_at"),
        draft: reader.flag("draft"),
    })
}

/// Reads the body of `POST /api/v1/incidents/{id}/updates`.
fn parse_update(body: &[u8]) -> RequestResult<NewUpdate> {
    parse_object(body, |reader| NewUpdate {
        body: reader.text("body", true),
        status: reader.parsed("status", parse_status, STATUSES),
        title: reader
            .object
            .contains_key("title")
            .then(|| reader.text("title", false)),
        impact: reader.parsed("impact", Impact::parse, "none, minor, major, critical"),
        components: reader.component_states(),
        scheduled_until: reader.time("scheduled_until"),
        publish: reader.flag("publish"),
    })
    .map(|mut update| {
        update.title = update.title.filter(|title| !title.is_empty());
        update
    })
}

/// Reads the body of `POST /api/v1/maintenance`.
fn parse_maintenance(body: &[u8]) -> RequestResult<NewMaintenance> {
    parse_object(body, |reader| NewMaintenance {
        title: reader.text("title", true),
        body: reader.text("body", true),
        components: reader.component_keys(),
        scheduled_for: reader.required_time("scheduled_for"),
        scheduled_until: reader.required_time("scheduled_until"),
        draft: reader.flag("draft"),
    })
}

const INCIDENT_STATUSES: &str = "investigating, identified, monitoring, resolved, postmortem";
const STATUSES: &str = "investigating, identified, monitoring, resolved, postmortem; of a maintenance \
                      scheduled, in_progress, verifying, completed";

fn parse_status(text: &str) -> Option<NewStatus> {
    let incident = IncidentStatus::parse(text).map(NewStatus::Incident);
    incident.or_else(|| MaintenanceStatus::parse(text).map(NewStatus::Maintenance))
}

fn parse_object<T>(
    body: &[u8],
    read: impl FnOnce(&mut RequestReader<'_>) -> T,
) -> RequestResult<T> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| vec![fault("$", error.to_string(), "a JSON object")])?;
    let Value::Object(object) = &value else {
        return Err(vec![fault("$", describe(&value), "a JSON object")]);
    };
    let mut reader = RequestReader {
        object,
        known: Vec::new(),
        faults: Vec::new(),
    };
    let parsed = read(&mut reader);
    reader.reject_unknown();
    if reader.faults.is_empty() {
        Ok(parsed)
    } else {
        Err(reader.faults)
    }
}

impl<'a> RequestReader<'a> {
    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &'static str, required: bool) -> String {
        match self.get(key) {
            Some(Value::String(text)) => return text.clone(),
            Some(other) => self.reject(key, describe(other), TEXT),
            None if required => self.reject(key, "nothing".into(), TEXT),
            None => {}
        }
        String::new()
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> Option<T> {
        let value = self.get(key)?;
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.reject(key, describe(value), allowed);
        }
        parsed
    }

    fn time(&mut self, key: &'static str) -> Option<Timestamp> {
        self.parsed(key, |text| text.parse().ok(), TIME)
    }

    fn required_time(&mut self, key: &'static str) -> Timestamp {
        if self.object.get(key).is_none_or(Value::is_null) {
            self.reject(key, "nothing".into(), TIME);
        }
        self.time(key).unwrap_or_default()
    }

    fn flag(&mut self, key: &'static str) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.reject(key, describe(other), "true or false");
                false
            }
        }
    }

    /// Returns the components with their states, such as `{"api": "major_outage"}`.
    fn component_states(&mut self) -> BTreeMap<String, ComponentState> {
        let allowed = "an object of components and states, such as {\"api\": \"major_outage\"}";
        let Some(value) = self.get("components") else {
            return BTreeMap::new();
        };
        let Value::Object(components) = value else {
            self.reject("components", describe(value), allowed);
            return BTreeMap::new();
        };
        let mut states = BTreeMap::new();
        for (key, value) in components {
            let state = value.as_str().and_then(ComponentState::parse);
            match state {
                Some(state) => drop(states.insert(key.clone(), state)),
                None => {
                    let allowed = "operational, degraded_performance, partial_outage, major_outage";
                    self.reject(
                        &format!("components.{}", truncated(key)),
                        describe(value),
                        allowed,
                    );
                }
            }
        }
        states
    }

    /// Returns the keys of components, such as `["api"]`.
    fn component_keys(&mut self) -> Vec<String> {
        let allowed = "a list of components, such as [\"api\"]";
        let Some(value) = self.get("components") else {
            return Vec::new();
        };
        let keys = value.as_array().and_then(|items| {
            let keys = items.iter().map(|item| item.as_str().map(str::to_owned));
            keys.collect()
        });
        keys.unwrap_or_else(|| {
            self.reject("components", describe(value), allowed);
            Vec::new()
        })
    }

    fn reject_unknown(&mut self) {
        let allowed = self.known.join(", ");
        let unknown = self
            .object
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()));
        let unknown: Vec<_> = unknown.cloned().collect();
        for key in unknown {
            self.reject(&truncated(&key), "unknown key".into(), &allowed);
        }
    }

    fn reject(&mut self, key: &str, found: String, allowed: &str) {
        self.faults.push(fault(&format!("$.{key}"), found, allowed));
    }
}

fn fault(path: &str, found: String, allowed: &str) -> IncidentFault {
    IncidentFault {
        path: path.into(),
        found,
        allowed: allowed.into(),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => abbreviate(text),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        scalar => scalar.to_string(),
    }
}

fn truncated(key: &str) -> String {
    key.chars().take(64).collect()
}
