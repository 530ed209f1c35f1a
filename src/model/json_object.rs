//! Reader of the members of a JSON object, one by one: values that do not fit are collected as
//! faults, and what was not read is known.
//!
//! It is used where all faults must be told at once and unknown members are welcome, such as beats
//! of a newer release. Configuration files have a reader of their own, which knows secrets and
//! variables.

use serde_json::{Map, Value};

use super::fault::Fault;

/// The words in which the faults of a kind of document are told.
///
/// A beat and a request body are told about in different words, but read by the same code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultWords {
    /// The accepted text of a document.
    pub(crate) syntax: &'static str,
    /// The accepted kind of value.
    pub(crate) object: &'static str,
    /// The text in place of a value where a member is missing.
    pub(crate) missing: &'static str,
    /// Formats a value: short, and on one line.
    pub(crate) format: fn(&Value) -> String,
}

/// Reader of one object.
pub(crate) struct ObjectReader<'a> {
    /// The JSON path of this object, without a dot at its end.
    path: &'static str,
    members: &'a Map<String, Value>,
    /// The keys that were asked for: what remains is unknown.
    read: Vec<&'static str>,
    faults: &'a mut Vec<Fault>,
    words: FaultWords,
}

/// Parses a document.
///
/// A syntax error is the only fault of its document: after it nothing can be said of the rest.
pub(crate) fn parse_document(text: &[u8], words: FaultWords) -> Result<Value, Fault> {
    serde_json::from_slice(text).map_err(|error| Fault {
        path: "$".into(),
        found: error.to_string(),
        allowed: words.syntax.into(),
    })
}

impl<'a> ObjectReader<'a> {
    /// Creates a reader; `None`, and a fault, if the value is not an object.
    pub(crate) fn new(
        path: &'static str,
        value: &'a Value,
        words: FaultWords,
        faults: &'a mut Vec<Fault>,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            faults.push(Fault {
                path: path.into(),
                found: (words.format)(value),
                allowed: words.object.into(),
            });
            return None;
        };
        Some(Self {
            path,
            members,
            read: Vec::new(),
            faults,
            words,
        })
    }

    /// Returns the keys that were asked for so far.
    pub(crate) fn read_keys(&self) -> &[&'static str] {
        &self.read
    }

    /// Returns the keys of the members that were not read.
    pub(crate) fn unknown_keys(&self) -> impl Iterator<Item = &'a str> {
        let keys = self.members.keys().map(String::as_str);
        keys.filter(|key| !self.read.contains(key))
    }

    /// Returns a member; `None` if it is absent or null.
    /// Null counts as absent, because many clients serialize an absent option as null.
    pub(crate) fn take_value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.read.push(key);
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// Reads a member with `read`. An absent one is `None`, as null is; one that does not fit is a
    /// fault, and `None` too.
    pub(crate) fn read_optional<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take_value(key)?;
        let read = read(value);
        if read.is_none() {
            self.add_fault(key, (self.words.format)(value), allowed);
        }
        read
    }

    /// Reads a member that must be there.
    pub(crate) fn read_required<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        if self.members.get(key).is_none_or(Value::is_null) {
            self.add_fault(key, self.words.missing.into(), allowed);
        }
        self.read_optional(key, allowed, read)
    }

    /// Adds the fault of a member.
    pub(crate) fn add_fault(&mut self, key: &str, found: String, allowed: &str) {
        self.faults.push(Fault {
            path: format!("{}.{key}", self.path),
            found,
            allowed: allowed.into(),
        });
    }
}
