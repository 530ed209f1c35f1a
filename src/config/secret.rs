//! A value that is used and never shown.
//!
//! Three things keep a secret out of logs: it has no `Display`, its `Debug` and `Serialize` are a
//! mask, and messages about it name its place and never its text. `expose` is the one way to the
//! value, and easy to search for.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::environment::Environment;
use super::fault::InvalidValue;
use crate::model::input_file::read_input_text;
use crate::model::json_value::json_type_name;

/// The text shown in place of a secret.
pub(super) const MASK: &str = "***";

/// A header value, token or password.
///
/// `Debug` and `Serialize` show `***`, there is no `Display`, and comparison is left out so that
/// no assertion prints it. In a file it is plain text, `{"env":"NAME"}` or `{"file":"PATH"}`; the
/// last two keep the secret itself out of the file, and [`Config::resolve`](super::Config::resolve)
/// follows them.
///
/// ```
/// use vantage_obs::config::Secret;
///
/// let token = Secret::new("Bearer abc");
/// assert_eq!(format!("{token:?}"), "***");
/// assert_eq!(token.expose(), Some("Bearer abc"));
/// ```
#[derive(Clone)]
pub struct Secret(SecretSource);

/// Text, or a reference to it; resolving replaces the reference.
#[derive(Clone)]
enum SecretSource {
    Text(String),
    Variable(String),
    File(PathBuf),
}

impl Secret {
    /// Creates a secret from its text.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretSource::Text(value.into()))
    }

    /// Creates a reference to an environment variable.
    #[must_use]
    pub fn from_env(variable: impl Into<String>) -> Self {
        Self(SecretSource::Variable(variable.into()))
    }

    /// Creates a reference to a file, whose content without the line end is the secret.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(SecretSource::File(path.into()))
    }

    /// Returns the secret itself; `None` while it is a reference that is not yet resolved.
    ///
    /// In an [`EffectiveConfig`](super::EffectiveConfig) every reference is resolved.
    #[must_use]
    pub fn expose(&self) -> Option<&str> {
        match &self.0 {
            SecretSource::Text(text) => Some(text),
            SecretSource::Variable(_) | SecretSource::File(_) => None,
        }
    }

    /// The accepted values, for messages.
    pub(super) const ALLOWED: &str = r#"text, {"env":"NAME"} or {"file":"PATH"}"#;

    /// Returns whether the text could arrive in an `Authorization` header as a bearer token.
    pub(super) fn is_bearer_token(text: &str) -> bool {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        !text.is_empty() && text.chars().all(allowed)
    }

    /// Reads a value of the file.
    pub(super) fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        let rejection = || InvalidValue::new(json_type_name(value), Self::ALLOWED);
        if let Value::String(text) = value {
            return Ok(Self::new(text.as_str()));
        }
        // Exactly one member: `{"env": …, "file": …}` would leave open which one counts.
        let members = value
            .as_object()
            .filter(|members| members.len() == 1)
            .ok_or_else(rejection)?;
        let text = |key| {
            members
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        match (text("env"), text("file")) {
            (Some(name), _) => Ok(Self::from_env(name)),
            (_, Some(path)) => Ok(Self::from_file(path)),
            _ => Err(rejection()),
        }
    }

    /// Replaces a reference by the secret it refers to.
    pub(super) fn resolve_reference(
        &mut self,
        environment: &Environment,
    ) -> Result<(), InvalidValue> {
        let text = match &self.0 {
            // Resolved before, or plain text: resolving twice is harmless.
            SecretSource::Text(_) => return Ok(()),
            SecretSource::Variable(name) => {
                environment.get(name).map(str::to_owned).ok_or_else(|| {
                    let value = format!(r#"{{"env":{name:?}}}"#);
                    InvalidValue::new(value, "an environment variable that is set and not empty")
                })?
            }
            SecretSource::File(path) => read_file(path)?,
        };
        self.0 = SecretSource::Text(text);
        Ok(())
    }
}

/// Reads the file of a secret. An empty one is a fault: an empty token would open what it should
/// close, or close everything.
fn read_file(path: &Path) -> Result<String, InvalidValue> {
    let value = format!(r#"{{"file":{path:?}}}"#);
    match read_input_text(path) {
        Ok(text) if text.trim_end().is_empty() => Err(InvalidValue::new(
            format!("{value} (empty)"),
            "a file that holds the secret",
        )),
        // Kubernetes and editors end a file with a line break, which no secret ends with; spaces
        // may belong to one.
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).into()),
        Err(error) => {
            // Only the kind of error: its full text may repeat the path with another spelling, and
            // adds nothing.
            let reason = error
                .get_ref()
                .map_or_else(|| error.kind().to_string(), ToString::to_string);
            Err(InvalidValue::new(
                format!("{value} ({reason})"),
                "a readable text file",
            ))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_is_followed_to_a_variable_or_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"from a file\n").unwrap();
        let environment = Environment::from_iter([("TOKEN", "from the environment")]);
        for (value, secret) in [
            (json!("plain"), "plain"),
            (json!({"env": "TOKEN"}), "from the environment"),
            (json!({"file": file.path()}), "from a file"),
        ] {
            let mut followed = Secret::from_json(&value).unwrap();
            followed.resolve_reference(&environment).unwrap();
            assert_eq!(followed.expose(), Some(secret), "{value}");
        }
    }

    #[test]
    fn a_dangling_reference_is_named() {
        let mut variable = Secret::from_env("TOKEN");
        let invalid = variable
            .resolve_reference(&Environment::empty())
            .unwrap_err();
        assert_eq!(invalid.value, r#"{"env":"TOKEN"}"#);
        let mut file = Secret::from_file("/nowhere/token");
        let invalid = file.resolve_reference(&Environment::empty()).unwrap_err();
        assert_eq!(
            invalid.value,
            r#"{"file":"/nowhere/token"} (entity not found)"#
        );
    }

    #[test]
    fn a_malformed_secret_is_refused_without_being_shown() {
        for value in [
            json!(["canary"]),
            json!({"value": "canary"}),
            json!({"env": 1, "x": 2}),
        ] {
            let invalid = Secret::from_json(&value).unwrap_err();
            assert!(!invalid.value.contains("canary"), "{}", invalid.value);
        }
    }
}
