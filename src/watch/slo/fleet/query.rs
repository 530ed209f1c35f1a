//! One query to the API, and its request path.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The largest number of steps of a window at which samples are looked up.
const MAX_STEPS: u64 = 1_000;
/// The characters of an expression that are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

/// A query of a report, for all objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReportQuery {
    /// The good and bad events of a window of these seconds, counted by processes.
    Events(u64),
    /// The slices of a window, recorded by rules.
    RecordedSlices(u64),
    /// The slices of a window, evaluated from raw samples.
    RawSlices(u64),
    /// The number of a window's steps with samples.
    Coverage(u64),
    /// The time of the newest sample.
    NewestSample,
    /// The time of the first sample of replicas in a window, by their jobs.
    ReplicasSince(u64),
}

/// A query with its PromQL expression.
#[derive(Clone, Debug)]
pub(super) struct QueryRequest {
    pub(super) query: ReportQuery,
    pub(super) promql: String,
}

impl ReportQuery {
    /// Returns the name in messages.
    pub(super) fn display_name(self) -> String {
        let window = |seconds| crate::model::units::format_duration(Duration::from_secs(seconds));
        match self {
            ReportQuery::Events(seconds) => format!("the events of {}", window(seconds)),
            ReportQuery::RecordedSlices(seconds) => {
                format!("the recorded slices of {}", window(seconds))
            }
            ReportQuery::RawSlices(seconds) => format!("the slices of {}", window(seconds)),
            ReportQuery::Coverage(seconds) => format!("the coverage of {}", window(seconds)),
            ReportQuery::NewestSample => "the newest samples".into(),
            ReportQuery::ReplicasSince(_) => "the first samples".into(),
        }
    }
}

impl QueryRequest {
    pub(super) fn path(&self, at: Timestamp) -> String {
        query_path(&self.promql, at)
    }
}

/// Returns the path of an instant query.
pub(super) fn query_path(expression: &str, at: Timestamp) -> String {
    let query = utf8_percent_encode(expression, ESCAPED);
    format!("/api/v1/query?time={}&query={query}", format_seconds(at))
}

/// Returns the path of a range query, with a step in seconds.
pub(super) fn query_range_path(
    expression: &str,
    first: Timestamp,
    last: Timestamp,
    step: u64,
) -> String {
    let (query, first, last) = (
        utf8_percent_encode(expression, ESCAPED),
        format_seconds(first),
        format_seconds(last),
    );
    format!("/api/v1/query_range?start={first}&end={last}&step={step}&query={query}")
}

fn format_seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    format!("{seconds}.{millis:03}")
}

/// Returns the number of steps of a window.
pub(super) fn step_count(window: u64) -> u64 {
    (window / step_seconds(window)).max(1)
}

pub(super) fn step_seconds(window: u64) -> u64 {
    window.div_ceil(MAX_STEPS).max(1)
}
