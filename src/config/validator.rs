//! Validation of the merged configuration: ranges, names, folders.

use std::fmt::Display;

use super::fault::{ConfigFault, FaultLocation, InvalidValue, json_path};
use super::source::{ConfigSource, ConfigSources};

/// Validator of the merged configuration; collects faults, each with its location.
#[derive(Debug)]
pub(super) struct ConfigValidator<'a> {
    pub(super) sources: &'a ConfigSources,
    /// Whether a default that can't stand, such as the empty service name, is a fault already.
    pub(super) defaults: bool,
    pub(super) faults: Vec<ConfigFault>,
}

impl ConfigValidator<'_> {
    /// Returns whether any layer set the value at `path`.
    pub(super) fn is_set(&self, path: &str) -> bool {
        *self.sources.get(path) != ConfigSource::Default
    }

    /// Returns the first of these paths that any layer set, else the last: the place of a fault that
    /// concerns both.
    pub(super) fn set_one_of<'p>(&self, paths: [&'p str; 2]) -> &'p str {
        if self.is_set(paths[0]) {
            paths[0]
        } else {
            paths[1]
        }
    }

    /// Adds a fault at `path`, unless `fine`.
    pub(super) fn require(&mut self, fine: bool, path: &str, value: impl Display, allowed: &str) {
        self.require_at(fine, path, path, value, allowed);
    }

    /// Like [`require`](Self::require), with another path in the message: `path` may hold a secret.
    pub(super) fn require_at(
        &mut self,
        fine: bool,
        path: &str,
        shown: &str,
        value: impl Display,
        allowed: &str,
    ) {
        if fine || !(self.is_set(path) || self.is_missed(path)) {
            return;
        }
        let location = self.location(path, shown);
        self.faults.push(ConfigFault::new(
            location,
            InvalidValue::new(value.to_string(), allowed),
        ));
    }

    /// Returns whether an unset value is a fault of its own; not if an invalid one was reported.
    fn is_missed(&self, path: &str) -> bool {
        self.defaults && !self.sources.is_invalid(path)
    }

    fn location(&self, path: &str, shown: &str) -> FaultLocation {
        let json = json_path(shown);
        match (self.sources.get(path), self.sources.file()) {
            (ConfigSource::Environment(variable), _) => FaultLocation::Variable(variable.clone()),
            (ConfigSource::File(file), _) => FaultLocation::File {
                file: file.clone(),
                path: json,
            },
            // Whoever wrote the file reads the answer: there is where it is missing.
            (ConfigSource::Default, Some(file)) => FaultLocation::File {
                file: file.into(),
                path: json,
            },
            (ConfigSource::Default, None) => FaultLocation::Unset { path: json },
            (ConfigSource::Code, _) => FaultLocation::Code { path: json },
        }
    }
}
