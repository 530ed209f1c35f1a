//! Faults of a configuration: all at once, each with its location.
//!
//! Why not stop at the first? Because a config is fixed by people who redeploy after each attempt;
//! ten faults in one answer cost one attempt.

use std::fmt;
use std::path::PathBuf;

use crate::model::causes::debug_as_text;
use crate::model::fault::write_listed;
use crate::model::suggest::nearest_within;

/// A configuration that can't be used.
///
/// The author of the file, the environment or the code is at fault, not the crate; each [`ConfigFault`]
/// says where, what stands there and what is allowed. Secrets are never part of it.
///
/// ```
/// use vantage_obs::config::{Config, Environment, Role};
///
/// let mut config = Config::new("", Role::Api);
/// config.traces.sample_ratio = 1.5;
/// let error = config.resolve(&Environment::empty()).unwrap_err();
/// assert_eq!(error.faults().len(), 2);
/// ```
#[derive(Clone, thiserror::Error)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}
debug_as_text!(ConfigError);

impl ConfigError {
    /// Returns the error for these faults, or `Ok` when there are none.
    pub(super) fn from_faults(faults: Vec<ConfigFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// Returns every fault, in the order file, environment, range checks. Never empty.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("the configuration has a fault")?,
            count => write!(f, "the configuration has {count} faults")?,
        }
        write_listed(f, &self.faults)
    }
}

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigFault {
    /// The location of the value.
    pub location: FaultLocation,
    /// The value as found, with secrets masked; or words for what is no value, such as an unknown key.
    pub value: String,
    /// The accepted values.
    pub allowed: String,
}

impl ConfigFault {
    pub(super) fn new(location: FaultLocation, invalid: InvalidValue) -> Self {
        let InvalidValue { value, allowed } = invalid;
        Self {
            location,
            value,
            allowed,
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            location,
            value,
            allowed,
        } = self;
        write!(f, "{location}: {value}; allowed: {allowed}")
    }
}

/// The location of a faulty value.
///
/// ```
/// use vantage_obs::config::{Environment, FaultLocation};
/// use vantage_obs::{Config, Role};
///
/// let environment = Environment::from_iter([("VANTAGE_OBS_LOG_LEVEL", "loud")]);
/// let error = Config::new("vantage-api", Role::Api).resolve(&environment).unwrap_err();
/// assert_eq!(error.faults()[0].location, FaultLocation::Variable("VANTAGE_OBS_LOG_LEVEL".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultLocation {
    /// In a config file.
    File {
        /// The file as it was named.
        file: PathBuf,
        /// The JSON path of the value, such as `$.otlp.timeout`.
        path: String,
    },
    /// In an environment variable.
    Variable(String),
    /// In the `Config` that the code made.
    Code {
        /// The JSON path that the field would have in a file.
        path: String,
    },
    /// Nowhere: the value has no default that can stand.
    // "Nowhere" is a place of its own: a message that blamed a file or the code for what neither
    // says would send its reader astray.
    Unset {
        /// The JSON path that the field would have in a file.
        path: String,
    },
}

impl fmt::Display for FaultLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, path } => write!(f, "{}: {path}", file.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Code { path } => write!(f, "{path} (set in code)"),
            Self::Unset { path } => write!(f, "{path} (not set)"),
        }
    }
}

/// A value that a reader or the validator rejected, before its location is known.
///
/// The reader writes `value`, because only it knows what in there is secret.
#[derive(Clone, Debug)]
pub(super) struct InvalidValue {
    /// Masked where it may hold a secret.
    pub(super) value: String,
    /// Follows "allowed: ".
    pub(super) allowed: String,
}

impl InvalidValue {
    pub(super) fn new(value: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            allowed: allowed.into(),
        }
    }

    /// Creates the rejection of a text that holds no secret.
    pub(super) fn from_text(text: &str, allowed: impl Into<String>) -> Self {
        Self::new(format!("{text:?}"), allowed)
    }
}

/// Formats the accepted names, with the nearest one as a suggestion.
pub(super) fn format_allowed(typed: &str, names: &[&str]) -> String {
    let all = names.join(", ");
    match nearest(typed, names.iter().copied()) {
        Some(nearest) => format!("{all} (did you mean {nearest}?)"),
        None => all,
    }
}

/// Returns the candidate nearest to `typed`, if one is near enough: one edit, and one more for every
/// five letters, because many variables have most of their name in common.
// One edit is a typing error in any word; the allowance grows slowly, because
// `OTEL_EXPORTER_OTLP_TRACES_…` and `…_METRICS_…` are few edits apart and both right.
pub(super) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest_within(typed, candidates, |length| 1 + length / 5)
}

/// Returns the JSON path of a setting.
pub(super) fn json_path(path: &str) -> String {
    match path {
        "" => "$".into(),
        path => format!("$.{path}"),
    }
}

/// Returns the dotted path of a member.
pub(super) fn join_path(path: &str, key: &str) -> String {
    match path {
        "" => key.into(),
        path => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_nearest_name() {
        let names = ["endpoint", "protocol", "timeout"];
        assert_eq!(nearest("endpont", names), Some("endpoint"));
        assert_eq!(nearest("Timeout", names), Some("timeout"));
        assert_eq!(nearest("colour", names), None);
    }

    #[test]
    fn an_error_lists_each_fault_on_its_line() {
        let fault =
            |location| ConfigFault::new(location, InvalidValue::new("1.5", "a number from 0 to 1"));
        let faults = vec![
            fault(FaultLocation::File {
                file: "obs.json".into(),
                path: "$.traces.sample_ratio".into(),
            }),
            fault(FaultLocation::Variable("OTEL_TRACES_SAMPLER_ARG".into())),
            fault(FaultLocation::Code {
                path: "$.traces.sample_ratio".into(),
            }),
        ];
        let error = ConfigError::from_faults(faults).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the configuration has 3 faults\n  \
             obs.json: $.traces.sample_ratio: 1.5; allowed: a number from 0 to 1\n  \
             OTEL_TRACES_SAMPLER_ARG: 1.5; allowed: a number from 0 to 1\n  \
             $.traces.sample_ratio (set in code): 1.5; allowed: a number from 0 to 1"
        );
    }
}
