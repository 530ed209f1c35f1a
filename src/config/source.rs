//! The source of an effective value.
//!
//! Precedence is the order of [`ConfigSource`]'s variants: the derived ordering is what decides
//! which of two contradicting settings a message blames.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The layer that decided a value. Later layers win: an operator can correct what the code says
/// without a new build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConfigSource {
    /// No layer set it.
    Default,
    /// The code set it to something else than the default.
    Code,
    /// This config file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
}

impl ConfigSource {
    /// Returns whether a variable decided the value that other programs share, such as one of OpenTelemetry.
    pub(crate) fn is_standard_variable(&self) -> bool {
        matches!(self, Self::Environment(name) if !name.starts_with("VANTAGE_OBS_"))
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
        }
    }
}

/// The source of each setting, by dotted path; what is absent is a default.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigSources {
    by_path: BTreeMap<String, ConfigSource>,
    /// The file that took part, for the location of what is missing.
    file: Option<PathBuf>,
    /// The paths of values that were refused.
    invalid: Vec<String>,
}

impl ConfigSources {
    /// Remembers that this file took part, even where it says nothing.
    pub(super) fn set_file(&mut self, file: &Path) {
        self.file = Some(file.into());
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn set(&mut self, path: &str, source: ConfigSource) {
        self.by_path.insert(path.into(), source);
    }

    pub(super) fn get(&self, path: &str) -> &ConfigSource {
        self.by_path.get(path).unwrap_or(&ConfigSource::Default)
    }

    /// Returns the paths that a layer set, each with its source, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &ConfigSource)> {
        self.by_path
            .iter()
            .map(|(path, source)| (path.as_str(), source))
    }

    /// Records that a layer holds an invalid value for this path.
    pub(super) fn mark_invalid(&mut self, path: &str) {
        self.invalid.push(path.into());
    }

    /// Returns whether a layer holds an invalid value for this path, a part of it, or a parent of it.
    pub(super) fn is_invalid(&self, path: &str) -> bool {
        // A fault in `service` leaves `service.name` unset, and one in `otlp.headers[0]` leaves
        // `otlp.headers` so: neither is missing as well.
        let within = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| {
                outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
            })
        };
        let mut invalid = self.invalid.iter();
        invalid.any(|invalid| within(invalid, path) || within(path, invalid))
    }
}
