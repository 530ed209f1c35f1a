//! The report of the objectives at one moment: plain values, the same for the process, the fleet,
//! the HTTP route and the command.
//!
//! | data | coverage | counts | SLI, budget |
//! |---|---|---|---|
//! | ok | at least 0.9 | shown | exact |
//! | partial | less | shown | of what is known |
//! | no data | any | 0 | none |
//! | stale | any | shown, old | of then |
//! | absent | 0 | none | none |
//! | inconsistent | unknown | none | none |

mod comparison;
mod json;
mod table;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::{Budget, SeenTime};
use super::{BudgetingMethod, Objective, ObjectiveThreshold, SloWindow};
use crate::model::string_enum::string_enum;
use crate::model::units::{Percent, Ratio};

pub use super::burn_rate::BurnRate;
pub use comparison::{SliChange, render_comparison};
pub use json::ReportParseError;
pub use table::render_table;

/// The objectives at one moment.
///
/// Serialised by [`to_json`](Self::to_json), or by serde, in the order of its fields.
///
/// ```
/// use vantage_obs::jiff::Timestamp;
/// use vantage_obs::slo::report::{ReportSource, SloReport};
///
/// let report = SloReport::new(Timestamp::UNIX_EPOCH, ReportSource::Local);
/// let json = report.to_json();
/// assert_eq!(json, r#"{"generated_at":"1970-01-01T00:00:00Z","source":"local","objectives":[]}"#);
/// assert_eq!(SloReport::from_json(&json)?, report);
/// # Ok::<(), vantage_obs::slo::report::ReportParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "json::ReportJson", try_from = "json::ReportJson")]
#[non_exhaustive]
pub struct SloReport {
    /// The moment that all figures are of.
    pub generated_at: Timestamp,
    /// The source of the figures.
    pub source: ReportSource,
    /// In the order of the files.
    pub objectives: Vec<ObjectiveReport>,
}

/// The source of a report's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReportSource {
    /// This process's.
    Local,
    /// The fleet's, from a Prometheus-compatible API.
    Prometheus,
    /// An instance's, from what it has kept in a store.
    Store,
}

/// One objective at one moment.
///
/// ```
/// use vantage_obs::jiff::Timestamp;
/// use vantage_obs::slo::Objectives;
/// use vantage_obs::slo::report::{DataQuality, ObjectiveReport};
///
/// let file = r#"{"api": {"latency": {"target": 95, "threshold": 2000, "window": "30d"}}}"#;
/// let objectives = Objectives::parse(&[("api.json", file)])?;
/// let latency = objectives.get("api.latency").expect("declared");
/// let report = ObjectiveReport::new(latency, Timestamp::UNIX_EPOCH);
/// assert_eq!(report.data, DataQuality::Absent, "until counts are filled in");
/// assert!(!report.is_counted());
/// # Ok::<(), vantage_obs::slo::SloError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(into = "json::ObjectiveJson")]
#[non_exhaustive]
pub struct ObjectiveReport {
    /// The key of the service.
    pub service: String,
    /// The name within it.
    pub name: String,
    /// The label `job` of a fleet's figures: the service that they are of. `None` of a process's own, and
    /// where the series have none.
    pub job: Option<String>,
    /// The label `environment` of a fleet's figures. `None` as for `job`.
    pub environment: Option<String>,
    /// The kind of measurement, such as `latency`.
    pub kind: &'static str,
    /// The method by which good and bad are counted.
    pub method: BudgetingMethod,
    /// The share that must be good.
    pub target: Percent,
    /// The limit between good and bad, with its unit, as the file has them.
    pub threshold: Option<(Ratio, &'static str)>,
    /// The time over which the target is to be met.
    pub window: SloWindow,
    /// The description in the objective's file.
    pub description: Option<String>,
    /// The quality of the figures.
    pub data: DataQuality,
    /// The share of the elapsed part of the window that has samples, 0 to 1.
    pub coverage: f64,
    /// The time of the whole window that has samples, exactly; `None` where the coverage alone is known.
    /// [`seen`](Self::seen) is of either.
    pub seen_time: Option<SeenTime>,
    /// Events in the window that met the objective.
    pub good: u64,
    /// Events that did not.
    pub bad: u64,
    /// The length of the window, which a calendar window has of its own.
    pub length: Duration,
    /// The part of it that is over: all of a rolling window.
    pub elapsed: Duration,
    /// The length of a time slice, of an objective whose events are [one service's
    /// slices](Objective::is_one_slice_at_a_time).
    pub slice: Option<Duration>,
    /// The windows that alerts and people look at, shortest first.
    pub burn_rate: Vec<BurnRate>,
    /// The alert state.
    pub alert: AlertState,
    /// The time at which the budget is spent at the rate of the last hour; `None` where it lasts, and where it is
    /// spent already.
    pub exhausts_at: Option<Timestamp>,
    /// The time at which an overspent rolling window is within its budget again, if nothing bad happens
    /// any more.
    pub recovers_at: Option<Timestamp>,
    /// The reason why `data` is not `ok`, in a few words.
    pub reason: Option<String>,
    /// Good and bad events with those of declared maintenance, which the figures above leave out;
    /// `None` where there was none.
    pub raw: Option<(u64, u64)>,
    /// The share of the budget that remained at some moments of the window, oldest first: for pages.
    /// Empty where nobody asked.
    pub burn_down: Vec<(Timestamp, Ratio)>,
}

/// The quality of an objective's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataQuality {
    /// At least 0.9 of the elapsed part of the window has samples.
    Ok,
    /// Less has.
    Partial,
    /// There are samples, but nothing happened.
    NoData,
    /// The newest sample is older than three sampling intervals.
    Stale,
    /// Nothing is recorded for this objective.
    Absent,
    /// The figures are impossible, such as more good events than events. A process counts good and bad
    /// apart and can't contradict itself: only a fleet's report says it.
    Inconsistent,
}

/// The alert state of an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertState {
    /// Nothing.
    None,
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody is woken.
    Critical,
    /// It can't be said, because samples are missing: whatever was raised stays, and nothing new is.
    Frozen,
}

impl SloReport {
    /// Creates a report without objectives.
    #[must_use]
    pub const fn new(generated_at: Timestamp, source: ReportSource) -> SloReport {
        SloReport {
            generated_at,
            source,
            objectives: Vec::new(),
        }
    }

    /// Returns the whole as one line of JSON, with fractions and not percentages, but for `target`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is text and no value fails to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl ObjectiveReport {
    /// Creates the report of an objective without data: absent, with its declaration filled in.
    #[must_use]
    pub fn new(objective: &Objective, at: Timestamp) -> ObjectiveReport {
        ObjectiveReport {
            service: objective.service().to_string(),
            name: objective.name().into(),
            job: None,
            environment: None,
            kind: objective.kind().as_str(),
            method: objective.method(),
            target: objective.target(),
            threshold: threshold_with_unit(objective),
            window: objective.window().clone(),
            description: objective.description().map(Into::into),
            data: DataQuality::Absent,
            coverage: 0.0,
            seen_time: None,
            good: 0,
            bad: 0,
            length: objective.window().length_at(at),
            elapsed: objective.window().elapsed_at(at),
            slice: None,
            burn_rate: Vec::new(),
            alert: AlertState::None,
            exhausts_at: None,
            recovers_at: None,
            reason: None,
            raw: None,
            burn_down: Vec::new(),
        }
    }

    /// Returns its error budget: that of the whole window.
    #[must_use]
    pub fn budget(&self) -> Budget {
        let budget = Budget::new(self.target, self.length, self.good, self.bad);
        match self.slice {
            Some(slice) => budget.with_time_slices(self.seen(), slice),
            None => budget.with_seen(self.seen()),
        }
    }

    /// Returns how much of the whole window has samples.
    #[must_use]
    pub fn seen(&self) -> SeenTime {
        self.seen_time
            .unwrap_or_else(|| SeenTime::from_coverage(self.coverage, self.elapsed, self.length))
    }

    /// Returns the words for figures of a window that is not full yet, such as `collecting data, 18 of 60
    /// min`. `None` from nine tenths of it on, and where nothing is recorded or the figures are impossible.
    #[must_use]
    pub fn collecting_text(&self) -> Option<String> {
        self.is_counted()
            .then(|| self.seen().collecting_text())
            .flatten()
    }

    /// Returns the id of the objective, such as `api.latency`.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.service, self.name)
    }

    /// Returns the service that a fleet's figures are of, such as `vantage-api in production`.
    pub(crate) fn service_text(&self) -> Option<String> {
        match (&self.job, &self.environment) {
            (Some(job), Some(environment)) => Some(format!("{job} in {environment}")),
            (Some(name), None) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        }
    }

    /// Returns what is told apart in a report: the objective and the service.
    pub(crate) fn key(&self) -> impl PartialEq + '_ {
        (&self.service, &self.name, &self.job, &self.environment)
    }

    /// Returns the share of good events; `None` without events, or where the counts mean nothing.
    pub(crate) fn sli(&self) -> Option<Ratio> {
        self.budget().sli().filter(|_| self.is_counted())
    }

    /// Returns the share of the budget that is left; `None` without events, or where the counts mean
    /// nothing.
    pub(crate) fn remaining(&self) -> Option<Ratio> {
        self.budget().remaining().filter(|_| self.is_counted())
    }

    /// Returns `true` if the counts mean anything: the data is neither absent nor inconsistent.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        !matches!(self.data, DataQuality::Absent | DataQuality::Inconsistent)
    }
}

fn threshold_with_unit(objective: &Objective) -> Option<(Ratio, &'static str)> {
    let unit = objective.threshold_unit()?;
    let value = match objective.threshold()? {
        ObjectiveThreshold::Percent(percent) => percent.to_string().parse().ok()?,
        ObjectiveThreshold::Duration(limit) if unit == "ms" => {
            Ratio::from_durations(limit, Duration::from_millis(1))?
        }
        ObjectiveThreshold::Duration(limit) => {
            Ratio::from_durations(limit, Duration::from_secs(1))?
        }
    };
    Some((value, unit))
}

string_enum!(pub ReportSource {
    Local: "local",
    Prometheus: "prometheus",
    Store: "store",
});

string_enum!(pub DataQuality {
    Ok: "ok",
    Partial: "partial",
    NoData: "no_data",
    Stale: "stale",
    Absent: "absent",
    Inconsistent: "inconsistent",
});

string_enum!(pub AlertState {
    None: "none",
    Warning: "warning",
    Critical: "critical",
    Frozen: "frozen",
});

impl DataQuality {
    /// Returns the quality of figures with this coverage and total. What is stale, absent or
    /// inconsistent is known elsewhere.
    #[must_use]
    pub fn from_coverage(coverage: f64, total: u128) -> DataQuality {
        match total {
            0 => DataQuality::NoData,
            _ if coverage >= 0.9 => DataQuality::Ok,
            _ => DataQuality::Partial,
        }
    }
}

#[cfg(test)]
mod tests;
