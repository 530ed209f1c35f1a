//! Validation of the merged configuration: ranges, names, folders.

use std::fmt::Display;

use super::fault::{ConfigFault, FaultLocation, InvalidValue, json_path};
use super::source::{ConfigSource, ConfigSources};

/// Validator of the merged configuration; collects faults, each with its location.
#[derive(Debug)]
pub(super) struct ConfigValidator<'a> {
    sources: &'a ConfigSources,
    /// `true` where a default that can't stand, such as the empty service name, is a fault.
    defaults: bool,
    pub(super) faults: Vec<ConfigFault>,
}

impl<'a> ConfigValidator<'a> {
    pub(super) const fn new(sources: &'a ConfigSources, defaults: bool) -> Self {
        Self {
            sources,
            defaults,
            faults: Vec::new(),
        }
    }

    /// Returns whether any layer set the value at `path`.
    pub(super) fn is_set(&self, path: &str) -> bool {
        *self.sources.get(path) != ConfigSource::Default
    }

    /// Returns whether a variable that other programs share set the value at `path`.
    pub(super) fn is_shared(&self, path: &str) -> bool {
        self.sources.get(path).is_standard_variable()
    }

    /// Returns the one of these paths that the highest layer set, the first of equals: where a
    /// contradiction between them is reported, so that no default is blamed for what an operator gave.
    pub(super) fn responsible<'p>(&self, paths: &[&'p str]) -> &'p str {
        // Reversed, because `max_by_key` returns the last of equals.
        let ranked = paths.iter().rev();
        let highest = ranked.max_by_key(|path| self.sources.get(path));
        highest.copied().unwrap_or_default()
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
        // A default is not blamed for being out of range: it is right by itself, and wrong only
        // where another value contradicts it, which that value's path reports.
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

    /// Returns the place to tell: that of the layer that decided the value.
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
