//! The configuration that holds, and where each of its values came from.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Config;
use super::fault::join_path;
use super::source::{ConfigSource, ConfigSources};

/// The effective configuration: every layer applied, every value checked, every secret read.
///
/// It serialises as `{"config", "sources", "warnings"}` with secrets masked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EffectiveConfig {
    /// The values.
    pub config: Config,
    // Beside the values and not within them: code reads fields, and only tools ask for the source.
    sources: ConfigSources,
    warnings: Vec<String>,
    own_listen: Option<SocketAddr>,
}

/// One value of the effective configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EffectiveValue {
    /// Its dotted path, such as `otlp.timeout`.
    pub path: String,
    /// The value as a config file would hold it, with secrets masked.
    pub value: Value,
    /// The layer that decided it.
    pub source: ConfigSource,
}

impl EffectiveConfig {
    pub(super) fn new(
        config: Config,
        sources: ConfigSources,
        warnings: Vec<String>,
        own_listen: Option<SocketAddr>,
    ) -> Self {
        Self {
            config,
            sources,
            warnings,
            own_listen,
        }
    }

    /// Returns the address that `http.listen` has without the shared variables, where one of them decides it:
    /// an address of theirs that can't be listened on is no reason to stop.
    pub(crate) fn listen_without_shared(&self) -> Option<Option<SocketAddr>> {
        let is_shared = self.sources.get("http.listen").is_standard_variable();
        is_shared.then_some(self.own_listen)
    }

    /// Returns the source of the value at this dotted path; entries of maps, such as headers, have their
    /// own path. A value that no layer set is a default.
    ///
    /// ```
    /// use vantage_obs::config::{Config, ConfigSource, Environment, Role};
    ///
    /// let environment = Environment::from_iter([("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]);
    /// let effective = Config::new("vantage-api", Role::Api).resolve(&environment)?;
    /// assert_eq!(effective.source("service.name"), ConfigSource::Code);
    /// assert_eq!(effective.source("otlp.timeout").to_string(), "environment OTEL_EXPORTER_OTLP_TIMEOUT");
    /// assert_eq!(effective.source("otlp.protocol"), ConfigSource::Default);
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn source(&self, path: &str) -> ConfigSource {
        self.sources.get(path).clone()
    }

    /// Returns every value with its source, sorted by path.
    pub fn values(&self) -> impl Iterator<Item = EffectiveValue> {
        flatten(&self.config).map(|(path, value)| {
            let source = self.source(&path);
            EffectiveValue {
                path,
                value,
                source,
            }
        })
    }

    /// Returns the warnings, a line each: a variable without effect, a port of another protocol.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Serialize for EffectiveConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sources: BTreeMap<_, _> = self
            .values()
            .map(|value| (value.path, value.source.to_string()))
            .collect();
        let mut members = serializer.serialize_struct("EffectiveConfig", 3)?;
        members.serialize_field("config", &self.config)?;
        members.serialize_field("sources", &sources)?;
        members.serialize_field("warnings", &self.warnings)?;
        members.end()
    }
}

/// Every leaf with its dotted path. Lists are leaves, and so are empty maps.
// Serialization is what knows every field, so that no list of them has to be kept.
pub(super) fn flatten(config: &Config) -> impl Iterator<Item = (String, Value)> + use<> {
    let mut leaves = Vec::new();
    // Every key is text and no value fails to serialise, so the other branch can't be reached.
    let values = serde_json::to_value(config).unwrap_or_default();
    descend(String::new(), values, &mut leaves);
    leaves.sort_by(|(left, _), (right, _)| left.cmp(right));
    leaves.into_iter()
}

/// Walks into objects; every other value, and an empty object, is a leaf.
fn descend(path: String, value: Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                descend(join_path(&path, &key), value, leaves);
            }
        }
        value => leaves.push((path, value)),
    }
}
