//! The entries of one object, with the place where they stand.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::super::json::{self, Entries};
use super::super::{Fault, Problem};

/// One object of a file, each key once.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    file: &'a str,
    path: String,
    entries: Vec<(String, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Takes an object apart. A key that stands twice is a fault, and its first value counts.
    pub(super) fn read(
        file: &'a str,
        path: String,
        value: &'a RawValue,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let Some(Entries(mut entries)) = json::object(value) else {
            faults.push(Fault {
                path,
                ..Fault::whole_file(file, Problem::WrongType, shortened(value), "an object")
            });
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut twice = Vec::new();
        entries.retain(|(key, value)| {
            let first = seen.insert(key.clone());
            if !first {
                twice.push((key.clone(), shortened(value)));
            }
            first
        });
        let fields = Fields {
            file,
            path,
            entries,
        };
        faults.extend(twice.into_iter().map(|(key, value)| Fault {
            value: Some(value),
            ..fields.fault(&key, Problem::DuplicateKey, "each key once")
        }));
        Some(fields)
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), *value))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.entries()
            .find(|(found, _)| *found == key)
            .map(|(_, value)| value)
    }

    /// A fault of the value under this key.
    pub(super) fn fault(&self, key: &str, problem: Problem, allowed: &str) -> Fault {
        Fault {
            file: self.file.into(),
            path: self.path_of(key),
            problem,
            value: self.get(key).map(shortened),
            allowed: allowed.into(),
        }
    }

    /// The string under this key, if there is one.
    pub(super) fn string(&self, key: &str, allowed: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let text = json::string(value);
        text.map(Some)
            .ok_or_else(|| self.fault(key, Problem::WrongType, allowed))
    }

    /// The number under this key, as it was written.
    pub(super) fn number(&self, key: &str, allowed: &str) -> Result<&'a str, Fault> {
        let value = self
            .get(key)
            .ok_or_else(|| self.fault(key, Problem::Missing, allowed))?;
        json::number(value).ok_or_else(|| self.fault(key, Problem::WrongType, allowed))
    }
}

/// A value as it was written, but for the inside of what would flood the message.
fn shortened(value: &RawValue) -> String {
    const LONGEST: usize = 60;
    let text = value.get();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
