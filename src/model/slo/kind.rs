//! What an objective measures, how it counts, and in which unit its threshold is written.

use std::fmt;
use std::time::Duration;

use crate::model::units::Percent;

/// The top-level key of an objective: whose objective it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// `api`: the requests of the HTTP services.
    Api,
    /// `workers`: the jobs and heartbeats of the workers.
    Workers,
    /// Any other: its objectives name their metrics.
    Other(String),
}

impl Service {
    /// Every key that is wired to instruments, in the order in which messages list them.
    pub(super) const WIRED: [&str; 2] = ["api", "workers"];

    pub(super) fn of(key: &str) -> Service {
        match key {
            "api" => Service::Api,
            "workers" => Service::Workers,
            other => Service::Other(other.into()),
        }
    }

    /// The key as the files write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Service::Api => "api",
            Service::Workers => "workers",
            Service::Other(key) => key,
        }
    }

    /// The objectives of this service that are wired to instruments. The name of each is its kind's.
    pub(super) fn kinds(&self) -> &'static [Kind] {
        match self {
            Service::Api => &[Kind::Availability, Kind::Latency, Kind::ErrorRate],
            Service::Workers => &[Kind::Availability, Kind::ProcessingTime, Kind::QueueLag],
            Service::Other(_) => &[],
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an objective measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
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
    /// What the objective's [`Indicator`](super::Indicator) says.
    Custom,
}

impl Kind {
    pub(super) const ALL: [Kind; 6] = [
        Kind::Availability,
        Kind::Latency,
        Kind::ErrorRate,
        Kind::ProcessingTime,
        Kind::QueueLag,
        Kind::Custom,
    ];

    /// The name as files and reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Availability => "availability",
            Kind::Latency => "latency",
            Kind::ErrorRate => "error_rate",
            Kind::ProcessingTime => "processing_time",
            Kind::QueueLag => "queue_lag",
            Kind::Custom => "custom",
        }
    }

    /// How objectives of this kind count unless the file says otherwise.
    #[must_use]
    pub fn default_method(self) -> Method {
        match self {
            Kind::Availability => Method::Timeslices,
            _ => Method::Occurrences,
        }
    }

    /// How objectives of this kind can count, the default first. A request can be good or bad, or the
    /// minute that it falls into; a beat is no event, and which share of a minute's requests must be
    /// fast nothing says.
    pub(super) fn methods(self, service: &Service) -> &'static [Method] {
        match (self, service) {
            (Kind::Availability, Service::Api) => &[Method::Timeslices, Method::Occurrences],
            (Kind::Availability, _) => &[Method::Timeslices],
            _ => &[Method::Occurrences],
        }
    }

    /// The unit of a `threshold` without `unit`: `ms`, `s` or `percent`; `None` where the kind
    /// takes no threshold.
    #[must_use]
    pub fn threshold_unit(self) -> Option<&'static str> {
        self.unit().map(Unit::as_str)
    }

    pub(super) fn unit(self) -> Option<Unit> {
        match self {
            Kind::Availability | Kind::Custom => None,
            Kind::Latency => Some(Unit::Milliseconds),
            Kind::ErrorRate => Some(Unit::Percent),
            Kind::ProcessingTime | Kind::QueueLag => Some(Unit::Seconds),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How good and bad are counted, in OpenSLO's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Each slice of a minute is good or bad as a whole, so that a quiet night weighs as much as a
    /// busy noon.
    Timeslices,
    /// Each event is good or bad.
    Occurrences,
}

impl Method {
    pub(super) const ALL: [Method; 2] = [Method::Timeslices, Method::Occurrences];

    /// The name as files and reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Timeslices => "timeslices",
            Method::Occurrences => "occurrences",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The limit between good and bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Threshold {
    /// At most this long is good.
    Duration(Duration),
    /// The permitted share of bad events, which states the target a second time.
    Percent(Percent),
}

/// What a threshold's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
    Percent,
}

impl Unit {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Percent => "percent",
        }
    }

    /// The units that a file may write instead of this one.
    pub(super) fn alternatives(self) -> &'static [Unit] {
        match self {
            Unit::Milliseconds | Unit::Seconds => &[Unit::Milliseconds, Unit::Seconds],
            Unit::Percent => &[Unit::Percent],
        }
    }

    /// How many decimals of the number make a whole nanosecond; `None` for what is no time.
    pub(super) fn nanosecond_places(self) -> Option<u32> {
        match self {
            Unit::Milliseconds => Some(6),
            Unit::Seconds => Some(9),
            Unit::Percent => None,
        }
    }
}
