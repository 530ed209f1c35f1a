//! A declared maintenance of the file.
//!
//! Maintenance that is known in advance, in the file, so that every replica knows the same. Budgets
//! are reported with it and without it; it never makes an outage disappear.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::checks::is_printable;
use crate::config::fault::InvalidValue;
use crate::config::field_value::FieldValue;
use crate::model::json_value::json_type_name;
use crate::model::slo::maintenance::SloMaintenance;

/// All of them are required.
const KEYS: [&str; 3] = ["from", "to", "reason"];

impl FieldValue for SloMaintenance {
    fn allowed() -> String {
        "{\"from\", \"to\", \"reason\"} with RFC 3339 times, such as \"2026-12-01T02:00:00Z\", \
         to after from, and a reason of 1 to 255 bytes"
            .into()
    }

    /// No variable holds one.
    fn parse(text: &str) -> Result<Self, InvalidValue> {
        Err(InvalidValue::from_text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        let rejection = |found: String| InvalidValue::new(found, Self::allowed());
        let members = value
            .as_object()
            .ok_or_else(|| rejection(json_type_name(value).into()))?;
        let (from, to) = (read_time(members, "from"), read_time(members, "to"));
        let reason = read_reason(members);
        let unknown = members
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()))
            .map(|key| format!("unknown key {key:?}"));
        // All that is wrong in one entry is told in one fault, because they share one line of
        // "allowed".
        let wrong: Vec<String> = [
            from.as_ref().err(),
            to.as_ref().err(),
            reason.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        .cloned()
        .chain(unknown)
        .collect();
        match (from, to, reason) {
            (Ok(from), Ok(to), Ok(reason)) if wrong.is_empty() => {
                SloMaintenance::new(from, to, reason)
                    .ok_or_else(|| rejection(format!("from {from} to {to}")))
            }
            _ => Err(rejection(wrong.join(", "))),
        }
    }
}

/// Reads a time; the error names the key and what stands there.
fn read_time(members: &Map<String, Value>, key: &str) -> Result<Timestamp, String> {
    let text = read_text(members, key)?;
    text.parse().map_err(|_| format!("{key} {text:?}"))
}

/// Reads a text of 1 to 255 printable bytes.
fn read_reason(members: &Map<String, Value>) -> Result<String, String> {
    let text = read_text(members, "reason")?;
    is_printable(text)
        .then(|| text.into())
        .ok_or_else(|| format!("reason {text:?}"))
}

/// Reads a string; the error says that it is missing, or of what type it is.
fn read_text<'a>(members: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let value = members.get(key).ok_or_else(|| format!("no {key}"))?;
    value
        .as_str()
        .ok_or_else(|| format!("{key} {}", json_type_name(value)))
}
