//! The values of a beat's members, and the error that names those that do not fit.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::json_object::{FaultWords, ObjectReader};
use crate::model::json_value::format_scalar;

/// The maximum count: what every store can hold.
///
/// PostgreSQL's `bigint` and JSON readers of other languages are signed.
const MAX_COUNT: u64 = i64::MAX as u64;

/// The maximum number of jobs that one worker can run at once, to be believed.
const MAX_IN_FLIGHT: u64 = 1_000_000;

/// The maximum length of a value in a message, in characters.
/// Bodies come from the network, and the message goes into a log.
const MAX_SHOWN_CHARS: usize = 64;

/// Parse error of a beat: every fault at once. The sender is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct BeatParseError(pub(super) Vec<Fault>);

impl BeatParseError {
    /// Returns every fault; never empty.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for BeatParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the heartbeat has a fault")?,
            count => write!(f, "the heartbeat has {count} faults")?,
        }
        let mut before = ": ";
        for Fault {
            path,
            found,
            allowed,
        } in &self.0
        {
            write!(f, "{before}{path}: {found}, allowed: {allowed}")?;
            before = "; ";
        }
        Ok(())
    }
}

/// The words of a beat's faults.
pub(super) const WORDS: FaultWords = FaultWords {
    syntax: "JSON",
    object: "an object",
    missing: "missing",
    format: format_value,
};

/// The accepted counts, for messages.
pub(super) const COUNT_ALLOWED: &str = "a whole number from 0 to 9223372036854775807";

/// The accepted counts of running jobs, for messages.
pub(super) const IN_FLIGHT_ALLOWED: &str = "a whole number from 0 to 1000000";

/// Returns the count that a value is; `None` beyond what stores hold, for fractions and for
/// negative numbers.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= MAX_COUNT)
}

/// Reads a count that may be absent.
pub(super) fn read_count(members: &mut ObjectReader<'_>, key: &'static str) -> Option<u64> {
    members.read_optional(key, COUNT_ALLOWED, count)
}

pub(super) fn read_in_flight(members: &mut ObjectReader<'_>, key: &'static str) -> Option<u64> {
    let in_flight = |value: &Value| count(value).filter(|jobs| *jobs <= MAX_IN_FLIGHT);
    members.read_optional(key, IN_FLIGHT_ALLOWED, in_flight)
}

/// Reads a time that may be absent.
pub(super) fn read_time(members: &mut ObjectReader<'_>, key: &'static str) -> Option<Timestamp> {
    let allowed = "an RFC 3339 time, such as \"2026-03-01T12:00:00.000Z\"";
    members.read_optional(key, allowed, |value| value.as_str()?.parse().ok())
}

/// Formats a value for a message: short, and on one line.
fn format_value(value: &Value) -> String {
    let text = format_scalar(value);
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
