//! Values that a field can have, and their parsing from text and JSON.
//!
//! Reading turns away what is no value of its kind; ranges are judged later, over all layers at
//! once, because code can put an impossible number into a field as well as a file can.
//!
//! | type | in a file | in a variable |
//! |---|---|---|
//! | `bool` | `true` | `true`, `TRUE` |
//! | numbers | a number | its text |
//! | durations | `"30s"` | `30s`; milliseconds in `OTEL_*` |
//! | enums | `"word"` | the word in any case |
//! | lists | an array | items with commas |
//! | headers | an object | `a=b,c=d`, percent-encoded |

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::fault::InvalidValue;
use super::validator::ConfigValidator;
use crate::model::json_value::format_scalar;
use crate::model::units::{Ratio, format_duration, parse_duration};

/// The syntax of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VariableSyntax {
    /// OpenTelemetry's: durations are milliseconds without a unit, and an empty list is `none`.
    OpenTelemetry,
    /// That of the file's strings.
    Plain,
}

/// A value that files and variables can hold.
pub(super) trait FieldValue: Serialize + Sized {
    /// Returns the accepted values, in words that follow "allowed: ".
    fn allowed() -> String;

    /// Reads an environment variable, or a string of the file.
    fn parse(text: &str) -> Result<Self, InvalidValue>;

    /// Reads a value of the file; a string, unless the type says otherwise.
    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        match value {
            Value::String(text) => Self::parse(text),
            other => Err(InvalidValue::new(format_scalar(other), Self::allowed())),
        }
    }

    /// Reads an environment variable of this syntax.
    fn parse_variable(text: &str, _: VariableSyntax) -> Result<Self, InvalidValue> {
        Self::parse(text)
    }

    /// Checks whether this build of the crate supports the value.
    fn check_build(&self, _path: &str, _validator: &mut ConfigValidator<'_>) {}

    /// Serializes the value as the file has it.
    fn serialize_field_value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn allowed() -> String {
        format!("{}, or null", T::allowed())
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        T::parse(text).map(Some)
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_json(value).map(Some)
        }
    }

    fn parse_variable(text: &str, syntax: VariableSyntax) -> Result<Self, InvalidValue> {
        T::parse_variable(text, syntax).map(Some)
    }

    fn check_build(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        if let Some(value) = self {
            value.check_build(path, validator);
        }
    }

    fn serialize_field_value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.serialize_field_value(serializer),
            None => serializer.serialize_none(),
        }
    }
}

// Strictly these two words: OpenTelemetry reads everything else as false, and `yes` would silently
// switch something off.
impl FieldValue for bool {
    fn allowed() -> String {
        "true or false".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(InvalidValue::from_text(text, Self::allowed())),
        }
    }

    // A string in JSON is read as a variable would be; other kinds of values are not converted.
    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        value
            .as_bool()
            .ok_or_else(|| InvalidValue::new(format_scalar(value), Self::allowed()))
    }
}

impl FieldValue for f64 {
    fn allowed() -> String {
        "a number".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map_err(|_| InvalidValue::from_text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        value
            .as_f64()
            .ok_or_else(|| InvalidValue::new(format_scalar(value), Self::allowed()))
    }
}

// From the number's text: through an `f64`, 14.4 would become a neighbour of it.
impl FieldValue for Ratio {
    fn allowed() -> String {
        "a number".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map_err(|_| InvalidValue::from_text(text, Self::allowed()))
    }

    /// The decimal that the number is written as, exactly.
    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        let number = value
            .as_number()
            .and_then(|number| number.to_string().parse().ok());
        number.ok_or_else(|| InvalidValue::new(format_scalar(value), Self::allowed()))
    }
}

impl FieldValue for usize {
    fn allowed() -> String {
        "a whole number".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map_err(|_| InvalidValue::from_text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        let number = value
            .as_u64()
            .and_then(|number| Self::try_from(number).ok());
        number.ok_or_else(|| InvalidValue::new(format_scalar(value), Self::allowed()))
    }
}

impl FieldValue for String {
    fn allowed() -> String {
        "text".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        Ok(text.into())
    }
}

impl FieldValue for PathBuf {
    fn allowed() -> String {
        "a path".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() {
            return Err(InvalidValue::from_text(text, Self::allowed()));
        }
        Ok(text.into())
    }
}

impl FieldValue for Duration {
    fn allowed() -> String {
        r#"a duration such as "500ms", "30s" or "1h30m""#.into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        parse_duration(text)
            .map_err(|error| InvalidValue::new(format!("{text:?} ({error})"), Self::allowed()))
    }

    fn parse_variable(text: &str, syntax: VariableSyntax) -> Result<Self, InvalidValue> {
        if syntax == VariableSyntax::Plain {
            return Self::parse(text);
        }
        let allowed = "whole milliseconds without a unit, such as 10000";
        // The specification's durations of variables are integers of milliseconds,
        // <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
        let milliseconds = text.parse().map(Self::from_millis);
        milliseconds.map_err(|_| InvalidValue::from_text(text, allowed))
    }

    fn serialize_field_value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*self))
    }
}

impl FieldValue for SocketAddr {
    fn allowed() -> String {
        r#"an IP address and a port from 1 to 65535, such as "0.0.0.0:9464""#.into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        // Port 0 means any free one, and nobody could scrape what a file asks for; code may ask.
        let address = text
            .parse()
            .ok()
            .filter(|address: &Self| address.port() != 0);
        address.ok_or_else(|| InvalidValue::from_text(text, Self::allowed()))
    }
}

/// Implements the words of an enum and [`FieldValue`].
///
/// Words are lower case; they are what files, variables, messages and the effective configuration
/// show.
macro_rules! config_enum {
    ($name:ident { $($variant:ident: $word:literal),+ $(,)? }) => {
        crate::model::string_enum::string_enum!(pub $name { $($variant: $word),+ });

        impl crate::config::field_value::FieldValue for $name {
            fn allowed() -> String {
                let all = <Self as crate::model::string_enum::StringEnum>::ALL;
                crate::model::string_enum::join_words(all)
            }

            fn parse(text: &str) -> Result<Self, crate::config::fault::InvalidValue> {
                // Case doesn't matter: OpenTelemetry asks for that in its variables.
                let word = text.to_ascii_lowercase();
                crate::model::string_enum::StringEnum::from_word(&word).ok_or_else(|| {
                    crate::config::fault::InvalidValue::from_text(text, Self::allowed())
                })
            }
        }
    };
}
pub(super) use config_enum;
