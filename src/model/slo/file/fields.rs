//! The entries of one object, with the place where they stand.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::super::json::{self, ObjectEntries};
use super::super::{SloFault, SloProblem};
use crate::model::string_enum::{StringEnum, join_words};
use crate::model::suggest::nearest;

/// The faults of all files, so that what follows a fault is still read.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<SloFault>);

/// The fields of one object of a file, each key once.
#[derive(Debug)]
pub(super) struct ObjectFields<'a> {
    file: &'a str,
    /// The JSON path of the object, such as `$.api`.
    path: String,
    /// In the order of the file; values are still text, because a number must be read as it was
    /// written.
    entries: Vec<(String, &'a RawValue)>,
}

impl Faults {
    pub(super) fn push(&mut self, fault: SloFault) {
        self.0.push(fault);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the value, or adds its fault.
    pub(super) fn ok<T>(&mut self, result: Result<T, SloFault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }
}

impl<'a> ObjectFields<'a> {
    /// Splits an object into its fields. A key that stands twice is a fault, and its first value counts.
    pub(super) fn read(
        file: &'a str,
        path: String,
        value: &'a RawValue,
        faults: &mut Faults,
    ) -> Option<Self> {
        let Some(ObjectEntries(mut entries)) = json::parse_object(value) else {
            faults.push(SloFault {
                path,
                ..SloFault::for_file(file, SloProblem::WrongType, truncate(value), "an object")
            });
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut twice = Vec::new();
        entries.retain(|(key, value)| {
            // JSON lets the last one win, without a word.
            let first = seen.insert(key.clone());
            if !first {
                twice.push((key.clone(), truncate(value)));
            }
            first
        });
        let fields = ObjectFields {
            file,
            path,
            entries,
        };
        faults
            .0
            .extend(twice.into_iter().map(|(key, value)| SloFault {
                value: Some(value),
                ..fields.fault(&key, SloProblem::DuplicateKey, "each key once")
            }));
        Some(fields)
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn path_to(&self, key: &str) -> String {
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

    /// Returns a fault of the value under this key.
    pub(super) fn fault(&self, key: &str, problem: SloProblem, allowed: &str) -> SloFault {
        SloFault {
            file: self.file.into(),
            path: self.path_to(key),
            problem,
            value: self.get(key).map(truncate),
            allowed: allowed.into(),
        }
    }

    /// Returns the fault of a key that is not among the allowed ones, with the nearest of those.
    pub(super) fn unknown(&self, key: &str, problem: SloProblem, allowed: &[&str]) -> SloFault {
        let suggestion = nearest(key, allowed).map(|nearest| format!("; did you mean {nearest}?"));
        let allowed = format!("{}{}", allowed.join(", "), suggestion.unwrap_or_default());
        SloFault {
            value: Some(key.into()),
            ..self.fault(key, problem, &allowed)
        }
    }

    /// Adds a fault for each key that is not among the allowed ones.
    pub(super) fn reject_unknown_keys(&self, allowed: &[&str], faults: &mut Faults) {
        let unknown = self.entries().filter(|(key, _)| !allowed.contains(key));
        faults
            .0
            .extend(unknown.map(|(key, _)| self.unknown(key, SloProblem::UnknownKey, allowed)));
    }

    /// Returns the string under this key, if there is one.
    pub(super) fn string(&self, key: &str, allowed: &str) -> Result<Option<String>, SloFault> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let text = json::parse_string(value);
        text.map(Some)
            .ok_or_else(|| self.fault(key, SloProblem::WrongType, allowed))
    }

    /// Returns the one of `choices` that this key names, if there is such a key.
    pub(super) fn choice<T: StringEnum>(
        &self,
        key: &str,
        choices: &[T],
        problem: SloProblem,
    ) -> Result<Option<T>, SloFault> {
        let allowed = join_words(choices);
        let Some(text) = self.string(key, &allowed)? else {
            return Ok(None);
        };
        let choice = choices.iter().copied().find(|one| one.word() == text);
        choice
            .map(Some)
            .ok_or_else(|| self.fault(key, problem, &allowed))
    }

    /// Like [`choice`](Self::choice), of a key that must be there.
    pub(super) fn required_choice<T: StringEnum>(
        &self,
        key: &str,
        choices: &[T],
        problem: SloProblem,
    ) -> Result<T, SloFault> {
        let choice = self.choice(key, choices, problem)?;
        choice.ok_or_else(|| self.fault(key, SloProblem::Missing, &join_words(choices)))
    }

    /// Returns the number under this key, as it was written.
    pub(super) fn number(&self, key: &str, allowed: &str) -> Result<&'a str, SloFault> {
        let value = self
            .get(key)
            .ok_or_else(|| self.fault(key, SloProblem::Missing, allowed))?;
        json::number_text(value).ok_or_else(|| self.fault(key, SloProblem::WrongType, allowed))
    }
}

/// Returns the value as written, truncated to 60 characters.
fn truncate(value: &RawValue) -> String {
    const MAX_CHARS: usize = 60;
    let text = value.get();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
