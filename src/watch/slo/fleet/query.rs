//! One query to the API, and its request path.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::slo::promql::SteppedWindow;

/// The largest number of steps of a window at which samples are looked up.
/// A coverage need be no more exact, and a subquery costs by its steps.
const MAX_STEPS: u64 = 1_000;
/// The characters of an expression that are escaped.
/// All but letters, digits and the underscore: too much is decoded all the same, too little is
/// another query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

/// A query of a report, for all objectives and services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReportQuery {
    /// The good and bad events of a window of these seconds, counted by processes.
    Events(u64),
    /// The counts of declared maintenance.
    MaintenanceEvents(u64),
    /// The slices of a window, recorded by rules.
    RecordedSlices(u64),
    /// The counts of declared maintenance.
    RecordedMaintenance(u64),
    /// The slices of a window, evaluated from raw samples.
    RawSlices(u64),
    /// The counts of declared maintenance.
    RawMaintenance(u64),
    /// The number of steps with samples of the part of a window that is before the next shorter one.
    Coverage(WindowPart),
    /// The number of those steps that are of declared maintenance.
    MaintenanceTime(WindowPart),
    /// The time of the newest sample.
    NewestSample,
    /// The time of the first sample of replicas in a window, by their services.
    ReplicasSince(u64),
    /// The services that have declared maintenance in a window.
    DeclaredMaintenance(u64),
    /// The alerts of budgets that fire by the rules.
    FiringAlerts,
}

/// The part of a window that a shorter one doesn't have, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WindowPart {
    pub(super) window: u64,
    /// The shorter window; 0 for none.
    pub(super) shorter: u64,
}

impl WindowPart {
    pub(super) const fn length(self) -> u64 {
        self.window - self.shorter
    }

    pub(super) fn stepped(self) -> SteppedWindow {
        SteppedWindow {
            length: Duration::from_secs(self.length()),
            before: Duration::from_secs(self.shorter),
            step: Duration::from_secs(step_seconds(self.length())),
        }
    }
}

/// A query with its PromQL expression.
#[derive(Clone, Debug)]
pub(super) struct QueryRequest {
    pub(super) query: ReportQuery,
    pub(super) promql: String,
}

impl ReportQuery {
    /// Returns whether the results have the label of an objective.
    pub(super) const fn is_of_objectives(self) -> bool {
        !matches!(
            self,
            ReportQuery::ReplicasSince(_)
                | ReportQuery::DeclaredMaintenance(_)
                | ReportQuery::MaintenanceTime(_)
        )
    }

    /// Returns the name in messages.
    pub(super) fn display_name(self) -> String {
        let window = |seconds| crate::model::units::format_duration(Duration::from_secs(seconds));
        match self {
            ReportQuery::Events(seconds) => format!("the events of {}", window(seconds)),
            ReportQuery::RecordedSlices(seconds) => {
                format!("the recorded slices of {}", window(seconds))
            }
            ReportQuery::RawSlices(seconds) => format!("the slices of {}", window(seconds)),
            ReportQuery::MaintenanceEvents(seconds) => {
                format!("the events of maintenance of {}", window(seconds))
            }
            ReportQuery::RecordedMaintenance(seconds) => {
                format!("the recorded slices of maintenance of {}", window(seconds))
            }
            ReportQuery::RawMaintenance(seconds) => {
                format!("the slices of maintenance of {}", window(seconds))
            }
            ReportQuery::Coverage(part) => format!("the coverage of {}", window(part.window)),
            ReportQuery::MaintenanceTime(part) => {
                format!("the time of maintenance of {}", window(part.window))
            }
            ReportQuery::NewestSample => "the newest samples".into(),
            ReportQuery::ReplicasSince(_) => "the first samples".into(),
            ReportQuery::DeclaredMaintenance(_) => "the declared maintenance".into(),
            ReportQuery::FiringAlerts => "the firing alerts".into(),
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

/// Formats a time as the API reads it: seconds with three decimals, and no rounding by `f64`.
fn format_seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    format!("{seconds}.{millis:03}")
}

/// Returns the length of the steps at which samples of a window are looked up, at least a second.
pub(super) fn step_seconds(window: u64) -> u64 {
    window.div_ceil(MAX_STEPS).max(1)
}
