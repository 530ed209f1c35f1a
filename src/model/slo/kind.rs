//! The service, kind, budgeting method and threshold of an objective.
//!
//! | kind | services | methods | threshold |
//! |---|---|---|---|
//! | availability | api, workers | time slices; of an API also occurrences | none |
//! | latency | api | occurrences | ms |
//! | error rate | api | occurrences | percent, 100 − target |
//! | processing time, queue lag | workers | occurrences | s |
//! | custom | any | occurrences | that of a histogram |

use std::fmt;
use std::time::Duration;

use crate::model::string_enum::string_enum;
use crate::model::units::Percent;

/// The service of an objective: the top-level key of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceKey {
    /// `api`: the requests of the HTTP services.
    Api,
    /// `workers`: the jobs and heartbeats of the workers.
    Workers,
    /// Any other: its objectives name their metrics.
    Other(String),
}

impl ServiceKey {
    /// The services with built-in objectives, in the order in which messages list them.
    pub(super) const BUILTIN: [&str; 2] = ["api", "workers"];

    pub(super) fn from_key(key: &str) -> ServiceKey {
        match key {
            "api" => ServiceKey::Api,
            "workers" => ServiceKey::Workers,
            other => ServiceKey::Other(other.into()),
        }
    }

    /// Returns the key as the files write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            ServiceKey::Api => "api",
            ServiceKey::Workers => "workers",
            ServiceKey::Other(key) => key,
        }
    }

    /// Returns the built-in objectives of this service. The name of each is its kind's.
    pub(super) fn builtin_kinds(&self) -> &'static [ObjectiveKind] {
        match self {
            ServiceKey::Api => &[
                ObjectiveKind::Availability,
                ObjectiveKind::Latency,
                ObjectiveKind::ErrorRate,
            ],
            ServiceKey::Workers => &[
                ObjectiveKind::Availability,
                ObjectiveKind::ProcessingTime,
                ObjectiveKind::QueueLag,
            ],
            ServiceKey::Other(_) => &[],
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of an objective: the quantity that it measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectiveKind {
    /// Up: answering without too many 5xx (`api`), or beating (`workers`).
    Availability,
    /// The time to the response head is within the threshold.
    Latency,
    /// Requests that the service itself failed.
    ErrorRate,
    /// The time from a job's start to its end is within the threshold.
    ProcessingTime,
    /// The time from a job's scheduled moment to its start is within the threshold.
    QueueLag,
    /// The quantity of the objective's [`Indicator`](super::Indicator).
    Custom,
}

string_enum!(pub ObjectiveKind {
    Availability: "availability",
    Latency: "latency",
    ErrorRate: "error_rate",
    ProcessingTime: "processing_time",
    QueueLag: "queue_lag",
    Custom: "custom",
});

impl ObjectiveKind {
    /// Returns the method of objectives of this kind, unless the file says otherwise.
    #[must_use]
    pub fn default_method(self) -> BudgetingMethod {
        match self {
            ObjectiveKind::Availability => BudgetingMethod::Timeslices,
            _ => BudgetingMethod::Occurrences,
        }
    }

    /// Returns the methods by which objectives of this kind can count, the default first. A request can be good or bad, or the
    /// minute that it falls into; a beat is no event, and which share of a minute's requests must be
    /// fast nothing says.
    pub(super) fn methods(self, service: &ServiceKey) -> &'static [BudgetingMethod] {
        match (self, service) {
            (ObjectiveKind::Availability, ServiceKey::Api) => {
                &[BudgetingMethod::Timeslices, BudgetingMethod::Occurrences]
            }
            (ObjectiveKind::Availability, _) => &[BudgetingMethod::Timeslices],
            _ => &[BudgetingMethod::Occurrences],
        }
    }

    /// Returns the unit of a `threshold` without `unit`: `ms`, `s` or `percent`; `None` where the kind
    /// takes no threshold.
    #[must_use]
    pub fn threshold_unit(self) -> Option<&'static str> {
        self.unit().map(ThresholdUnit::as_str)
    }

    pub(super) fn unit(self) -> Option<ThresholdUnit> {
        match self {
            ObjectiveKind::Availability | ObjectiveKind::Custom => None,
            ObjectiveKind::Latency => Some(ThresholdUnit::Milliseconds),
            ObjectiveKind::ErrorRate => Some(ThresholdUnit::Percent),
            ObjectiveKind::ProcessingTime | ObjectiveKind::QueueLag => Some(ThresholdUnit::Seconds),
        }
    }
}

/// The budgeting method, in OpenSLO's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BudgetingMethod {
    /// Each slice of a minute is good or bad as a whole, so that a quiet night weighs as much as a
    /// busy noon.
    Timeslices,
    /// Each event is good or bad.
    Occurrences,
}

string_enum!(pub BudgetingMethod {
    Timeslices: "timeslices",
    Occurrences: "occurrences",
});

/// The limit between good and bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectiveThreshold {
    /// At most this long is good.
    Duration(Duration),
    /// The permitted share of bad events, which states the target a second time.
    Percent(Percent),
}

/// The unit of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThresholdUnit {
    Milliseconds,
    Seconds,
    Percent,
}

string_enum!(pub(super) ThresholdUnit {
    Milliseconds: "ms",
    Seconds: "s",
    Percent: "percent",
});

impl ThresholdUnit {
    /// The units that a file may write instead of this one.
    pub(super) fn alternatives(self) -> &'static [ThresholdUnit] {
        match self {
            ThresholdUnit::Milliseconds | ThresholdUnit::Seconds => {
                &[ThresholdUnit::Milliseconds, ThresholdUnit::Seconds]
            }
            ThresholdUnit::Percent => &[ThresholdUnit::Percent],
        }
    }

    /// Returns the number of decimals that make a whole nanosecond; `None` for a unit that is no time.
    pub(super) fn nanosecond_places(self) -> Option<u32> {
        match self {
            ThresholdUnit::Milliseconds => Some(6),
            ThresholdUnit::Seconds => Some(9),
            ThresholdUnit::Percent => None,
        }
    }
}
