//! One question to the API, and how it is asked.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

/// At how many moments of a window it is seen whether there are samples, at most.
const STEPS: u64 = 1_000;
/// One question, for all objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Query {
    /// Good and bad events of a window of these seconds, which processes have counted.
    Events(u64),
    /// Slices of a window, which rules have recorded.
    Recorded(u64),
    /// Slices of a window, judged from raw samples.
    Judged(u64),
    /// At how many of its steps there were samples.
    Coverage(u64),
    /// When the newest sample was taken.
    Newest,
    /// Since when there are replicas, in a window, by their jobs.
    Since(u64),
}

/// A query in the API's own language.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    pub(super) text: String,
}

impl Query {
    /// For people.
    pub(super) fn name(self) -> String {
        let window = |seconds| crate::model::units::format_duration(Duration::from_secs(seconds));
        match self {
            Query::Events(seconds) => format!("the events of {}", window(seconds)),
            Query::Recorded(seconds) => format!("the recorded slices of {}", window(seconds)),
            Query::Judged(seconds) => format!("the slices of {}", window(seconds)),
            Query::Coverage(seconds) => format!("the coverage of {}", window(seconds)),
            Query::Newest => "the newest samples".into(),
            Query::Since(_) => "the first samples".into(),
        }
    }
}

impl Question {
    pub(super) fn path(&self, at: Timestamp) -> String {
        path(&self.text, at)
    }
}

/// The path by which an expression is asked for at a moment.
pub(super) fn path(expression: &str, at: Timestamp) -> String {
    let query = encoded(expression);
    format!("/api/v1/query?time={}&query={query}", seconds(at))
}

/// The same at moments that are this far from each other, from the first to the last.
pub(super) fn range_path(expression: &str, first: Timestamp, last: Timestamp, step: u64) -> String {
    let (query, first, last) = (encoded(expression), seconds(first), seconds(last));
    format!("/api/v1/query_range?start={first}&end={last}&step={step}&query={query}")
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    format!("{seconds}.{millis:03}")
}

fn encoded(expression: &str) -> String {
    let mut text = String::new();
    for byte in expression.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => text.push(char::from(byte)),
            // Writing into a string doesn't fail.
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// How many steps a window has.
pub(super) fn steps(window: u64) -> u64 {
    (window / step(window)).max(1)
}

pub(super) fn step(window: u64) -> u64 {
    window.div_ceil(STEPS).max(1)
}
