//! JSON objects entry by entry, in the order of the file, with numbers as they were written.
//!
//! `serde_json::Value` would turn 99.9 into an `f64` and let the last of two equal keys win
//! without a word; a second target in an SLO file is a mistake that must be said.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::input_file::without_byte_order_mark;

/// The entries of one object; values are still text.
#[derive(Debug)]
pub(super) struct ObjectEntries<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for ObjectEntries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = ObjectEntries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ObjectEntries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(ObjectEntries(entries))
    }
}

/// Parses the whole text as one value, checked in full, so that taking it apart can't meet bad syntax.
///
/// # Errors
///
/// serde_json's own error, with line and column.
pub(super) fn parse_document(text: &str) -> Result<&RawValue, serde_json::Error> {
    let text = without_byte_order_mark(text);
    // Twice: a `RawValue` is only skipped over, and some faults, such as half a surrogate pair,
    // would show later, where there is no line any more.
    serde_json::from_str::<Value>(text)?;
    serde_json::from_str(text)
}

/// Parses the entries of an object; `None` for any other value.
pub(super) fn parse_object(value: &RawValue) -> Option<ObjectEntries<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// Parses the items of an array; `None` for any other value.
pub(super) fn parse_array(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// Parses the text of a string; `None` for any other value.
pub(super) fn parse_string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns a number as it was written; `None` for any other value.
pub(super) fn number_text(value: &RawValue) -> Option<&str> {
    let text = value.get();
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_order_duplicates_and_the_text_of_numbers() {
        let value = parse_document(r#" {"b": 99.90, "a": "x", "b": 1e0} "#).unwrap();
        let ObjectEntries(entries) = parse_object(value).unwrap();
        let texts: Vec<_> = entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.get()))
            .collect();
        assert_eq!(texts, [("b", "99.90"), ("a", "\"x\""), ("b", "1e0")]);
        assert_eq!(number_text(entries[0].1), Some("99.90"));
        assert_eq!(number_text(entries[1].1), None);
        assert_eq!(parse_string(entries[1].1).as_deref(), Some("x"));
    }

    #[test]
    fn a_key_may_be_escaped() {
        let ObjectEntries(entries) =
            parse_object(parse_document(r#"{"\u0061pi": {}}"#).unwrap()).unwrap();
        assert_eq!(entries[0].0, "api");
    }

    #[test]
    fn a_lone_surrogate_is_found_before_the_text_is_taken_apart() {
        assert!(parse_document(r#"{"description": "\ud800"}"#).is_err());
    }
}
