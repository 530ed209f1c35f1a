//! The config file as JSON, read strictly: serde_json keeps the last of two equal keys without a
//! word, and an operator would wonder why the first one has no effect.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::comments::without_comments;
use super::fault::join_path;
use crate::model::input_file::without_byte_order_mark;

/// A parsed file.
#[derive(Debug)]
pub(super) struct ConfigDocument {
    pub(super) root: Value,
    /// The dotted paths of the keys that stand twice in their object.
    pub(super) duplicates: Vec<String>,
}

impl ConfigDocument {
    /// Parses the text; the error names line and column.
    // Anything after the document is an error, such as a second object that an editor left there.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut duplicates = Vec::new();
        let text = without_comments(without_byte_order_mark(text));
        let mut reader = serde_json::Deserializer::from_str(&text);
        let root = ValueSeed {
            path: "",
            duplicates: &mut duplicates,
        }
        .deserialize(&mut reader)?;
        reader.end()?;
        Ok(Self { root, duplicates })
    }
}

/// Builds the value at `path`.
///
/// The path is needed while parsing: afterwards a repeated key has already replaced its twin.
struct ValueSeed<'a> {
    path: &'a str,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

// The same as the visitor of `serde_json::Value`, but for objects.
impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, array.len());
            let node = ValueSeed {
                path: &path,
                duplicates: self.duplicates,
            };
            match items.next_element_seed(node)? {
                Some(item) => array.push(item),
                None => return Ok(array.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let path = join_path(self.path, &key);
            let node = ValueSeed {
                path: &path,
                duplicates: self.duplicates,
            };
            let value = members.next_value_seed(node)?;
            if object.insert(key, value).is_some() {
                // Collected and not refused here, so that the faults of the values are reported
                // with them.
                self.duplicates.push(path);
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_what_serde_json_reads() {
        let text = r#"{"a": [1, -2, 0.5, "x", null, true], "b": {"c": {}}}"#;
        let document = ConfigDocument::parse(text).unwrap();
        assert_eq!(
            document.root,
            json!({"a": [1, -2, 0.5, "x", null, true], "b": {"c": {}}})
        );
        assert!(document.duplicates.is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let document = ConfigDocument::parse("\u{feff}{\"a\": 1}").unwrap();
        assert_eq!(document.root, json!({"a": 1}));
    }

    #[test]
    fn comments_are_skipped_and_errors_keep_their_place() {
        let text = "{ // the name\n  \"a\": 1 /* one */\n}";
        assert_eq!(ConfigDocument::parse(text).unwrap().root, json!({"a": 1}));
        let error = ConfigDocument::parse("{ // a\n  /* b */ \"a\": 1,,\n}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 18));
        assert!(ConfigDocument::parse("{} /* open").is_err());
    }

    #[test]
    fn a_key_that_stands_twice_is_found_at_any_depth() {
        let text = r#"{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 1}], "a": 3}"#;
        let document = ConfigDocument::parse(text).unwrap();
        assert_eq!(document.duplicates, ["a.b", "c[0].d", "a"]);
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let error = ConfigDocument::parse("{\n  \"a\": 1,,\n}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 10));
        assert!(ConfigDocument::parse("{} {}").is_err());
    }
}
