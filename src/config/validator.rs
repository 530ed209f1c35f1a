//! Validation of the merged configuration: ranges, names, folders.

use std::fmt::Display;
use std::time::Duration;

use super::fault::{ConfigFault, FaultLocation, InvalidValue};
use super::reader::json_path;
use super::source::{ConfigSource, ConfigSources};
use crate::model::units::format_duration;

/// The maximum timeout or interval: a longer one is a slip of the unit.
const MAX_DURATION: Duration = Duration::from_secs(86_400);

/// The maximum length of names and attribute values in bytes: some back ends cut longer ones.
const MAX_TEXT_BYTES: usize = 255;

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

    /// Requires a duration of more than 0 and at most a day.
    pub(super) fn require_duration(&mut self, path: &str, value: Duration) {
        let fine = !value.is_zero() && value <= MAX_DURATION;
        self.require(
            fine,
            path,
            format_duration(value),
            "more than 0s and at most 1d",
        );
    }

    /// Adds a fault at `path`, unless the duration is `fine`.
    pub(super) fn require_duration_in(
        &mut self,
        fine: bool,
        path: &str,
        value: Duration,
        allowed: &str,
    ) {
        self.require(fine, path, format_duration(value), allowed);
    }

    /// Requires 1 to 255 bytes of printable text.
    pub(super) fn require_text(&mut self, path: &str, value: &str) {
        let fine = !value.trim().is_empty()
            && value.len() <= MAX_TEXT_BYTES
            && !value.contains(char::is_control);
        let mut shown = format!("{value:?}");
        if value.len() > MAX_TEXT_BYTES {
            shown = format!("a text of {} bytes", value.len());
        }
        self.require(fine, path, shown, "1 to 255 bytes of printable text");
    }

    /// Like [`require_text`](Self::require_text), for a text that may be absent.
    pub(super) fn require_optional_text(&mut self, path: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.require_text(path, value);
        }
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
