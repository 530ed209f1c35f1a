//! Judges the values that the layers left: ranges, names, folders.

use std::fmt::Display;
use std::time::Duration;

use super::fault::{Fault, Location, Refusal};
use super::reader::json_path;
use super::source::{Source, Sources};
use crate::model::units::format_duration;

/// Longer than this, a timeout or interval is a slip of the unit.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Names and attribute values longer than this are cut by one back end or another.
const LONGEST_TEXT: usize = 255;

/// Collects the faults of values, each at the place that its source says.
#[derive(Debug)]
pub(super) struct Check<'a> {
    pub(super) sources: &'a Sources,
    /// Whether a default that can't stand, such as the empty service name, is a fault already.
    pub(super) defaults: bool,
    pub(super) faults: Vec<Fault>,
}

impl Check<'_> {
    /// Whether somebody set this.
    pub(super) fn is_set(&self, path: &str) -> bool {
        *self.sources.get(path) != Source::Default
    }

    /// A fault at `path`, unless `fine`.
    pub(super) fn require(&mut self, fine: bool, path: &str, value: impl Display, allowed: &str) {
        self.require_at(fine, path, path, value, allowed);
    }

    /// The same, where the path itself must not be shown as a whole.
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
        self.faults.push(Fault::new(
            location,
            Refusal::new(value.to_string(), allowed),
        ));
    }

    /// A duration must be more than nothing and at most a day.
    pub(super) fn duration(&mut self, path: &str, value: Duration) {
        let fine = !value.is_zero() && value <= LONGEST;
        self.require(
            fine,
            path,
            format_duration(value),
            "more than 0s and at most 1d",
        );
    }

    /// A fault at `path`, unless the duration is `fine`.
    pub(super) fn duration_in(&mut self, fine: bool, path: &str, value: Duration, allowed: &str) {
        self.require(fine, path, format_duration(value), allowed);
    }

    /// A text must be there, of moderate length, and printable.
    pub(super) fn text(&mut self, path: &str, value: &str) {
        let fine = !value.trim().is_empty()
            && value.len() <= LONGEST_TEXT
            && !value.contains(char::is_control);
        let mut shown = format!("{value:?}");
        if value.len() > LONGEST_TEXT {
            shown = format!("a text of {} bytes", value.len());
        }
        self.require(fine, path, shown, "1 to 255 bytes of printable text");
    }

    /// The same for a text that may be absent.
    pub(super) fn optional_text(&mut self, path: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(path, value);
        }
    }

    /// Whether an unset value is a fault of its own. It isn't where a refused one is the fault.
    fn is_missed(&self, path: &str) -> bool {
        self.defaults && !self.sources.is_refused(path)
    }

    fn location(&self, path: &str, shown: &str) -> Location {
        let json = json_path(shown);
        match (self.sources.get(path), self.sources.file()) {
            (Source::Environment(variable), _) => Location::Variable(variable.clone()),
            (Source::File(file), _) => Location::File {
                file: file.clone(),
                path: json,
            },
            // Whoever wrote the file reads the answer: there is where it is missing.
            (Source::Default, Some(file)) => Location::File {
                file: file.into(),
                path: json,
            },
            (Source::Default, None) => Location::Unset { path: json },
            (Source::Code, _) => Location::Code { path: json },
        }
    }
}
