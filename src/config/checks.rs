//! Checks of single fields: what a type alone does not say.
//!
//! Ranges are checked on the merged values, because code can put an impossible number into a field as
//! well as a file can.
//!
//! Each check is a function that fits behind a field of a section: value, path, validator. Those
//! with arguments return such a function.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::fault::join_path;
use super::secret::{MASK, Secret};
use super::validator::ConfigValidator;
use crate::model::input_file::read_input_bytes;
use crate::model::units::format_duration;

/// The maximum timeout or interval: a longer one is a slip of the unit.
const MAX_DURATION: Duration = Duration::from_secs(86_400);

/// The maximum length of names and attribute values in bytes: some back ends cut longer ones.
/// OpenTelemetry and Prometheus set no limit themselves.
const MAX_TEXT_BYTES: usize = 255;

/// Requires a value, where there is one, to pass the check.
pub(super) fn optional<T: Borrow<U>, U: ?Sized>(
    check: impl Fn(&U, &str, &mut ConfigValidator<'_>),
) -> impl Fn(&Option<T>, &str, &mut ConfigValidator<'_>) {
    move |value, path, validator| {
        if let Some(value) = value {
            check(value.borrow(), path, validator);
        }
    }
}

/// Requires each item of a list to pass the check.
pub(super) fn each<T: Borrow<U>, U: ?Sized>(
    check: impl Fn(&U, &str, &mut ConfigValidator<'_>),
) -> impl Fn(&Vec<T>, &str, &mut ConfigValidator<'_>) {
    move |items, path, validator| {
        for item in items {
            check(item.borrow(), path, validator);
        }
    }
}

/// Requires each entry of a map to pass the check.
pub(super) fn each_entry<T>(
    check: impl Fn(&T, &str, &mut ConfigValidator<'_>),
) -> impl Fn(&BTreeMap<String, T>, &str, &mut ConfigValidator<'_>) {
    move |entries, path, validator| {
        for (name, value) in entries {
            check(value, &join_path(path, name), validator);
        }
    }
}

/// A value that can have a range.
pub(super) trait Ranged: PartialOrd {
    /// Returns the value as messages show it.
    fn shown(&self) -> String;
}

impl Ranged for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Ranged for f64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Ranged for Duration {
    fn shown(&self) -> String {
        format_duration(*self)
    }
}

/// Requires a value in the range.
pub(super) fn range<T: Ranged>(
    range: RangeInclusive<T>,
) -> impl Fn(&T, &str, &mut ConfigValidator<'_>) {
    move |value, path, validator| {
        let allowed = format!("{} to {}", range.start().shown(), range.end().shown());
        validator.require(range.contains(value), path, value.shown(), &allowed);
    }
}

/// Requires a share from 0 to 1.
pub(super) fn ratio(value: &f64, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = (0.0..=1.0).contains(value);
    validator.require(fine, path, value, "a number from 0 to 1");
}

/// Requires a duration of more than 0 and at most a day.
pub(super) fn up_to_a_day(value: &Duration, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = !value.is_zero() && *value <= MAX_DURATION;
    let allowed = "more than 0s and at most 1d";
    validator.require(fine, path, format_duration(*value), allowed);
}

/// Returns whether the text is 1 to 255 bytes that can be printed.
///
/// Control characters would break log lines and let a value write into another header.
pub(super) fn is_printable(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control)
}

/// Requires 1 to 255 bytes of printable text.
pub(super) fn text(value: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let mut shown = format!("{value:?}");
    // The length says enough: the text itself would fill the message.
    if value.len() > MAX_TEXT_BYTES {
        shown = format!("a text of {} bytes", value.len());
    }
    let allowed = "1 to 255 bytes of printable text";
    validator.require(is_printable(value), path, shown, allowed);
}

/// Requires a file that exists.
pub(super) fn existing_file(file: &Path, path: &str, validator: &mut ConfigValidator<'_>) {
    validator.require(
        // Read, and not only asked for: a file without permission fails here, and not at the first
        // connection.
        read_input_bytes(file).is_ok(),
        path,
        format!("{file:?}"),
        "an existing file that can be read, of at most 4 MiB",
    );
}

/// Requires what could arrive in an `Authorization` header as a bearer token.
pub(super) fn bearer_token(value: &Secret, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = value.expose().is_none_or(Secret::is_bearer_token);
    let allowed = "letters, digits and -._~+/=, as RFC 6750 defines bearer tokens";
    // The value is never shown, not even when it is malformed: it may be the token with a line
    // break at its end.
    validator.require(fine, path, MASK, allowed);
}
