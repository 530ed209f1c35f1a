//! What a person writes, as JSON. A key that nobody knows is a slip, and told as one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::IncidentFault;
use super::new_incident::{NewIncident, NewMaintenance, NewStatus, NewUpdate};
use super::validate::shown;
use crate::model::status::{ComponentState, Impact, IncidentStatus, MaintenanceStatus};

type Read<T> = Result<T, Vec<IncidentFault>>;

const TIME: &str = "an RFC 3339 time such as 2026-12-01T02:00:00Z";
const TEXT: &str = "text";

/// The members of the one object.
struct Members<'a> {
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<IncidentFault>,
}

/// Reads the body of `POST /api/v1/incidents`.
pub(super) fn incident(body: &[u8]) -> Read<NewIncident> {
    read(body, |members| NewIncident {
        title: members.text("title", true),
        body: members.text("body", true),
        impact: members.word("impact", Impact::parse, "none, minor, major, critical"),
        status: members.word("status", IncidentStatus::parse, INCIDENT),
        components: members.states(),
        started_at: members.time("started_at"),
        draft: members.switch("draft"),
    })
}

/// Reads the body of `POST /api/v1/incidents/{id}/updates`.
pub(super) fn update(body: &[u8]) -> Read<NewUpdate> {
    read(body, |members| NewUpdate {
        body: members.text("body", true),
        status: members.word("status", status, STATUS),
        title: members
            .members
            .contains_key("title")
            .then(|| members.text("title", false)),
        impact: members.word("impact", Impact::parse, "none, minor, major, critical"),
        components: members.states(),
        scheduled_until: members.time("scheduled_until"),
        publish: members.switch("publish"),
    })
    .map(|mut update| {
        update.title = update.title.filter(|title| !title.is_empty());
        update
    })
}

/// Reads the body of `POST /api/v1/maintenance`.
pub(super) fn maintenance(body: &[u8]) -> Read<NewMaintenance> {
    read(body, |members| NewMaintenance {
        title: members.text("title", true),
        body: members.text("body", true),
        components: members.keys(),
        scheduled_for: members.required_time("scheduled_for"),
        scheduled_until: members.required_time("scheduled_until"),
        draft: members.switch("draft"),
    })
}

const INCIDENT: &str = "investigating, identified, monitoring, resolved, postmortem";
const STATUS: &str = "investigating, identified, monitoring, resolved, postmortem; of a maintenance \
                      scheduled, in_progress, verifying, completed";

fn status(word: &str) -> Option<NewStatus> {
    let incident = IncidentStatus::parse(word).map(NewStatus::Incident);
    incident.or_else(|| MaintenanceStatus::parse(word).map(NewStatus::Maintenance))
}

fn read<T>(body: &[u8], members: impl FnOnce(&mut Members<'_>) -> T) -> Read<T> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| vec![fault("$", error.to_string(), "a JSON object")])?;
    let Value::Object(object) = &value else {
        return Err(vec![fault("$", found(&value), "a JSON object")]);
    };
    let mut reading = Members {
        members: object,
        known: Vec::new(),
        faults: Vec::new(),
    };
    let read = members(&mut reading);
    reading.refuse_unknown();
    if reading.faults.is_empty() {
        Ok(read)
    } else {
        Err(reading.faults)
    }
}

impl<'a> Members<'a> {
    fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.members.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &'static str, required: bool) -> String {
        match self.take(key) {
            Some(Value::String(text)) => return text.clone(),
            Some(other) => self.misfit(key, found(other), TEXT),
            None if required => self.misfit(key, "nothing".into(), TEXT),
            None => {}
        }
        String::new()
    }

    fn word<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> Option<T> {
        let value = self.take(key)?;
        let word = value.as_str().and_then(parse);
        if word.is_none() {
            self.misfit(key, found(value), allowed);
        }
        word
    }

    fn time(&mut self, key: &'static str) -> Option<Timestamp> {
        self.word(key, |text| text.parse().ok(), TIME)
    }

    fn required_time(&mut self, key: &'static str) -> Timestamp {
        if self.members.get(key).is_none_or(Value::is_null) {
            self.misfit(key, "nothing".into(), TIME);
        }
        self.time(key).unwrap_or_default()
    }

    fn switch(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Bool(switch)) => *switch,
            Some(other) => {
                self.misfit(key, found(other), "true or false");
                false
            }
        }
    }

    /// `{"api": "major_outage"}`.
    fn states(&mut self) -> BTreeMap<String, ComponentState> {
        let allowed = "an object of components and states, such as {\"api\": \"major_outage\"}";
        let Some(value) = self.take("components") else {
            return BTreeMap::new();
        };
        let Value::Object(components) = value else {
            self.misfit("components", found(value), allowed);
            return BTreeMap::new();
        };
        let mut states = BTreeMap::new();
        for (key, value) in components {
            let state = value.as_str().and_then(ComponentState::parse);
            match state {
                Some(state) => drop(states.insert(key.clone(), state)),
                None => {
                    let allowed = "operational, degraded_performance, partial_outage, major_outage";
                    self.misfit(&format!("components.{}", short(key)), found(value), allowed);
                }
            }
        }
        states
    }

    /// `["api"]`.
    fn keys(&mut self) -> Vec<String> {
        let allowed = "a list of components, such as [\"api\"]";
        let Some(value) = self.take("components") else {
            return Vec::new();
        };
        let keys = value.as_array().and_then(|items| {
            let keys = items.iter().map(|item| item.as_str().map(str::to_owned));
            keys.collect()
        });
        keys.unwrap_or_else(|| {
            self.misfit("components", found(value), allowed);
            Vec::new()
        })
    }

    fn refuse_unknown(&mut self) {
        let allowed = self.known.join(", ");
        let unknown = self
            .members
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()));
        let unknown: Vec<_> = unknown.cloned().collect();
        for key in unknown {
            self.misfit(&short(&key), "unknown key".into(), &allowed);
        }
    }

    fn misfit(&mut self, key: &str, found: String, allowed: &str) {
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

fn found(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        scalar => scalar.to_string(),
    }
}

fn short(key: &str) -> String {
    key.chars().take(64).collect()
}
