//! Reader of the members of a JSON object, one by one: values that do not fit are collected as
//! faults, unread members are counted.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::fault::Fault;
use crate::model::json_value::format_scalar;

/// The maximum count: what every store can hold.
const MAX_COUNT: u64 = i64::MAX as u64;

/// The maximum length of a value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 64;

/// Parse error of a beat: every fault at once. The sender is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct BeatParseError(pub(super) Vec<Fault>);

impl BeatParseError {
    /// Returns every fault; never empty.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for BeatParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the beat has a fault")?,
            count => write!(f, "the beat has {count} faults")?,
        }
        let mut before = ": ";
        for Fault {
            path,
            found,
            allowed,
        } in &self.0
        {
            write!(f, "{before}{path}: {found}, allowed: {allowed}")?;
            before = "; ";
        }
        Ok(())
    }
}

/// Reader of one object.
pub(super) struct ObjectReader<'a> {
    path: &'static str,
    members: &'a Map<String, Value>,
    taken: u64,
    faults: &'a mut Vec<Fault>,
}

impl<'a> ObjectReader<'a> {
    /// Creates a reader; `None`, and a fault, if the value is not an object.
    pub(super) fn new(
        path: &'static str,
        value: &'a Value,
        faults: &'a mut Vec<Fault>,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            faults.push(Fault {
                path: path.into(),
                found: format_value(value),
                allowed: "an object".into(),
            });
            return None;
        };
        Some(Self {
            path,
            members,
            taken: 0,
            faults,
        })
    }

    /// Returns the number of members that were not read.
    pub(super) fn unknown_count(&self) -> u64 {
        (self.members.len() as u64).saturating_sub(self.taken)
    }

    pub(super) fn take_value(&mut self, key: &str) -> Option<&'a Value> {
        let value = self.members.get(key)?;
        self.taken += 1;
        (!value.is_null()).then_some(value)
    }

    /// Reads a member with `read`. An absent one is `None`, as null is; one that does not fit is a
    /// fault, and `None` too.
    pub(super) fn read_optional<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take_value(key)?;
        let read = read(value);
        if read.is_none() {
            self.add_fault(key, format_value(value), allowed);
        }
        read
    }

    /// Reads a member that must be there.
    pub(super) fn read_required<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        if self.members.get(key).is_none_or(Value::is_null) {
            self.add_fault(key, "missing".into(), allowed);
        }
        self.read_optional(key, allowed, read)
    }

    pub(super) fn count(&mut self, key: &str) -> Option<u64> {
        self.read_optional(key, COUNT_ALLOWED, count)
    }

    pub(super) fn read_time(&mut self, key: &str) -> Option<Timestamp> {
        let allowed = "a time of RFC 3339, such as \"2026-03-01T12:00:00.000Z\"";
        self.read_optional(key, allowed, |value| value.as_str()?.parse().ok())
    }

    fn add_fault(&mut self, key: &str, found: String, allowed: &str) {
        self.faults.push(Fault {
            path: format!("{}.{key}", self.path),
            found,
            allowed: allowed.into(),
        });
    }
}

/// The accepted counts, for messages.
pub(super) const COUNT_ALLOWED: &str = "a whole number from 0 to 9223372036854775807";

pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= MAX_COUNT)
}

/// Formats a value for a message: short, and on one line.
fn format_value(value: &Value) -> String {
    let text = format_scalar(value);
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
