//! A component of the status page.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::checks::is_printable;
use crate::config::fault::{InvalidValue, format_allowed};
use crate::config::field_value::FieldValue;
use crate::config::validator::ConfigValidator;
use crate::model::json_value::json_type_name;

/// The components that are there without being configured, with their names.
pub(crate) const BUILT_IN_COMPONENTS: [(&str, &str); 5] = [
    ("api", "API"),
    ("workers", "Workers"),
    ("scheduler", "Scheduler"),
    ("database", "Database"),
    ("web", "Web"),
];

/// The keys of a component in the file, in the order of messages.
const KEYS: [&str; 8] = [
    "key",
    "name",
    "description",
    "hidden",
    "checks",
    "workers",
    "schedulers",
    "objectives",
];

/// A component of the status page: what the public calls it, and what its state follows from.
///
/// Each list names things by their ids; one that ends in `*` names all that begin alike.
///
/// ```
/// use vantage_obs::config::{Environment, StatusComponentConfig};
/// use vantage_obs::{Config, Role};
///
/// let mut editor = StatusComponentConfig::new("editor");
/// editor.name = Some("Editor".into());
/// editor.checks = vec!["collaboration".into()];
/// let mut config = Config::new("vantage-web", Role::Web);
/// config.status.components = vec![editor.clone(), editor];
/// let error = config.resolve(&Environment::empty()).unwrap_err();
/// assert_eq!(error.faults()[0].allowed, "each key once");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusComponentConfig {
    /// By which it is known to incidents and history, and from which its public id follows: 1 to 64 of
    /// `a-z 0-9 _ -`. With the key of one that is always there, what is given takes its place.
    pub key: String,
    /// The public name: 1 to 255 bytes. Default: the key.
    pub name: Option<String>,
    /// A description in one sentence: 1 to 255 bytes. Default: none.
    pub description: Option<String>,
    /// Leaves the component out of the pages. Default: false.
    pub hidden: bool,
    /// Health checks of this process. Default: none.
    pub checks: Vec<String>,
    /// Workers. Default: none.
    pub workers: Vec<String>,
    /// Schedulers. Default: none.
    pub schedulers: Vec<String>,
    /// Objectives, such as `api.latency`. Default: none.
    pub objectives: Vec<String>,
}

impl StatusComponentConfig {
    /// Creates a component of this key, whose state follows from nothing yet.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            ..Self::default()
        }
    }

    /// Returns whether anything is named that its state follows from.
    // Nothing to observe means "no data" for ever, which on a status page reads as an outage of the
    // page.
    pub(crate) fn has_sources(&self) -> bool {
        let lists = [
            &self.checks,
            &self.workers,
            &self.schedulers,
            &self.objectives,
        ];
        lists.into_iter().any(|list| !list.is_empty())
    }

    /// Returns whether it is there without being configured.
    pub(crate) fn is_built_in(&self) -> bool {
        BUILT_IN_COMPONENTS.iter().any(|(key, _)| *key == self.key)
    }

    /// Checks one component; `path` is that of the list, so that faults name the component by its
    /// key.
    pub(super) fn validate(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let fine = (1..=64).contains(&self.key.len()) && self.key.bytes().all(allowed);
        let shown = format!("key {:?}", self.key.chars().take(80).collect::<String>());
        validator.require(fine, path, shown, "1 to 64 of a-z 0-9 _ -");
        let texts = [("name", &self.name), ("description", &self.description)];
        for (member, text) in texts {
            let Some(text) = text else { continue };
            let shown = format!("{member} of {:?}", self.key);
            validator.require(
                is_printable(text),
                path,
                shown,
                "1 to 255 bytes of printable text",
            );
        }
        // A built-in one has sources of its own, and a hidden one needs none.
        let fine = self.hidden || self.has_sources() || self.is_built_in();
        let shown = format!("{:?} without a source for its state", self.key);
        validator.require(
            fine,
            path,
            shown,
            "at least one of checks, workers, schedulers, objectives",
        );
    }
}

impl FieldValue for StatusComponentConfig {
    fn allowed() -> String {
        "{\"key\", \"name\", \"description\", \"hidden\", \"checks\", \"workers\", \"schedulers\", \
         \"objectives\"}, of which only key is required; the last four are lists of ids"
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
        // All that is wrong with one component is one fault: they share the text of what is
        // allowed.
        let mut wrong = Vec::new();
        let component = Self {
            key: read_text(members, "key", &mut wrong).unwrap_or_default(),
            name: read_text(members, "name", &mut wrong),
            description: read_text(members, "description", &mut wrong),
            hidden: read_bool(members, "hidden", &mut wrong),
            checks: read_list(members, "checks", &mut wrong),
            workers: read_list(members, "workers", &mut wrong),
            schedulers: read_list(members, "schedulers", &mut wrong),
            objectives: read_list(members, "objectives", &mut wrong),
        };
        if !members.contains_key("key") {
            wrong.push("no key".into());
        }
        for key in members.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            wrong.push(format!(
                "unknown key {key:?}, allowed: {}",
                format_allowed(key, &KEYS)
            ));
        }
        if wrong.is_empty() {
            Ok(component)
        } else {
            Err(rejection(wrong.join(", ")))
        }
    }
}

/// Reads a string that may be absent.
fn read_text(members: &Map<String, Value>, key: &str, wrong: &mut Vec<String>) -> Option<String> {
    match members.get(key)? {
        Value::String(text) => Some(text.clone()),
        // As an absent one is shown.
        Value::Null => None,
        other => {
            wrong.push(format!("{key} {}", json_type_name(other)));
            None
        }
    }
}

/// Reads a flag; absent is false.
fn read_bool(members: &Map<String, Value>, key: &str, wrong: &mut Vec<String>) -> bool {
    match members.get(key) {
        None => false,
        Some(Value::Bool(switch)) => *switch,
        Some(other) => {
            wrong.push(format!("{key} {}", json_type_name(other)));
            false
        }
    }
}

/// Reads a list of strings; absent is empty.
fn read_list(members: &Map<String, Value>, key: &str, wrong: &mut Vec<String>) -> Vec<String> {
    let Some(value) = members.get(key) else {
        return Vec::new();
    };
    let items = value.as_array().map(Vec::as_slice);
    let texts = items.map(|items| {
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect()
    });
    let texts: Option<Vec<String>> = texts.unwrap_or_default();
    texts.unwrap_or_else(|| {
        wrong.push(format!("{key} is not a list of texts"));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_read_as_it_is_shown() {
        let component = StatusComponentConfig {
            checks: vec!["search".into()],
            ..StatusComponentConfig::new("search")
        };
        let shown = serde_json::to_value(&component).unwrap();
        assert!(shown["description"].is_null());
        let read = StatusComponentConfig::from_json(&shown);
        assert_eq!(read.ok(), Some(component));
        let wrong = serde_json::json!({"key": "search", "description": 1, "checks": ["search"]});
        assert!(StatusComponentConfig::from_json(&wrong).is_err());
    }
}
