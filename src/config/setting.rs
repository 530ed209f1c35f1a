//! A kind of value that a setting can have, and how text and JSON become one.
//!
//! Reading turns away what is no value of its kind; ranges are judged later, over all layers at
//! once, because code can put an impossible number into a field as well as a file can.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serializer;
use serde_json::Value;

use super::fault::Refusal;
use crate::model::units::{Ratio, format_duration, parse_duration};

/// A value that files and variables can hold.
pub(super) trait Setting: Sized {
    /// What is allowed, in words that follow "allowed: ".
    fn allowed() -> String;

    /// Reads an environment variable, or a string of the file.
    fn parse(text: &str) -> Result<Self, Refusal>;

    /// Reads a value of the file; a string, unless the type says otherwise.
    fn from_json(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::String(text) => Self::parse(text),
            other => Err(Refusal::new(shown(other), Self::allowed())),
        }
    }
}

/// A scalar as it stands in the file, of a setting that holds no secret. Arrays and objects are
/// only called what they are: a secret may have got in there.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => kind(value).into(),
        scalar => scalar.to_string(),
    }
}

/// What kind of JSON value this is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl<T: Setting> Setting for Option<T> {
    fn allowed() -> String {
        format!("{}, or null", T::allowed())
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        T::parse(text).map(Some)
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_json(value).map(Some)
        }
    }
}

impl Setting for bool {
    fn allowed() -> String {
        "true or false".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Refusal::text(text, Self::allowed())),
        }
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        value
            .as_bool()
            .ok_or_else(|| Refusal::new(shown(value), Self::allowed()))
    }
}

impl Setting for f64 {
    fn allowed() -> String {
        "a number".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        text.parse()
            .map_err(|_| Refusal::text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        value
            .as_f64()
            .ok_or_else(|| Refusal::new(shown(value), Self::allowed()))
    }
}

impl Setting for Ratio {
    fn allowed() -> String {
        "a number".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        text.parse()
            .map_err(|_| Refusal::text(text, Self::allowed()))
    }

    /// The decimal that the number is written as, exactly.
    fn from_json(value: &Value) -> Result<Self, Refusal> {
        let number = value
            .as_number()
            .and_then(|number| number.to_string().parse().ok());
        number.ok_or_else(|| Refusal::new(shown(value), Self::allowed()))
    }
}

impl Setting for usize {
    fn allowed() -> String {
        "a whole number".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        text.parse()
            .map_err(|_| Refusal::text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        let number = value
            .as_u64()
            .and_then(|number| Self::try_from(number).ok());
        number.ok_or_else(|| Refusal::new(shown(value), Self::allowed()))
    }
}

impl Setting for String {
    fn allowed() -> String {
        "text".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        Ok(text.into())
    }
}

impl Setting for PathBuf {
    fn allowed() -> String {
        "a path".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::text(text, Self::allowed()));
        }
        Ok(text.into())
    }
}

impl Setting for Duration {
    fn allowed() -> String {
        r#"a duration such as "500ms", "30s" or "1h30m""#.into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        parse_duration(text)
            .map_err(|error| Refusal::new(format!("{text:?} ({error})"), Self::allowed()))
    }
}

impl Setting for SocketAddr {
    fn allowed() -> String {
        r#"an IP address and a port from 1 to 65535, such as "0.0.0.0:9464""#.into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        // Port 0 means any free one, and nobody could scrape what a file asks for; code may ask.
        let address = text
            .parse()
            .ok()
            .filter(|address: &Self| address.port() != 0);
        address.ok_or_else(|| Refusal::text(text, Self::allowed()))
    }
}

/// Writes a duration as text, for `#[serde(serialize_with)]`.
pub(super) fn duration<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*value))
}

/// Writes a duration that may be absent as text or null.
pub(super) fn optional_duration<S: Serializer>(
    value: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&value.map(format_duration))
}

/// Gives an enum its words: `as_str`, `Display`, `Serialize` and [`Setting`].
macro_rules! words {
    ($name:ident { $($variant:ident: $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word that files and variables use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            const WORDS: &[&str] = &[$($word),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl crate::config::setting::Setting for $name {
            fn allowed() -> String {
                Self::WORDS.join(", ")
            }

            fn parse(text: &str) -> Result<Self, crate::config::fault::Refusal> {
                // Case doesn't matter: OpenTelemetry asks for that in its variables.
                match text.to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(crate::config::fault::Refusal::text(text, Self::allowed())),
                }
            }
        }
    };
}
pub(super) use words;
