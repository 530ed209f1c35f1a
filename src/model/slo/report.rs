//! What is known of the objectives at one moment: plain values, the same for the process, the fleet,
//! the HTTP route and the command.

mod comparison;
mod json;
mod read;
mod table;

use std::time::Duration;

use jiff::Timestamp;

use super::budget::Budget;
use super::{Method, Objective, Threshold, Window};
use crate::model::units::{Percent, Ratio};

pub use super::burn_rate::BurnRate;
pub use comparison::{Change, render_comparison};
pub use read::ReadError;
pub use table::render_table;

/// The objectives at one moment.
///
/// Serialised by [`to_json`](Self::to_json), or by serde, in the order of its fields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The moment that all figures are of.
    pub generated_at: Timestamp,
    /// Whose figures they are.
    pub source: Source,
    /// In the order of the files.
    pub objectives: Vec<ObjectiveReport>,
}

/// Whose figures a report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// This process's.
    Local,
    /// The fleet's, from a Prometheus-compatible API.
    Prometheus,
    /// An instance's, from what it has kept in a store.
    Store,
}

/// One objective at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectiveReport {
    /// The key of the service.
    pub service: String,
    /// The name within it.
    pub name: String,
    /// What is measured.
    pub kind: &'static str,
    /// How good and bad are counted.
    pub method: Method,
    /// The share that must be good.
    pub target: Percent,
    /// The limit between good and bad, with its unit, as the file has them.
    pub threshold: Option<(Ratio, &'static str)>,
    /// The time over which the target is to be met.
    pub window: Window,
    /// What the file says.
    pub description: Option<String>,
    /// What the figures are worth.
    pub data: Data,
    /// The share of the window that has samples, 0 to 1.
    pub coverage: f64,
    /// Events in the window that met the objective.
    pub good: u64,
    /// Events that did not.
    pub bad: u64,
    /// The length of the window, which a calendar window has of its own.
    pub length: Duration,
    /// The windows that alerts and people look at, shortest first.
    pub burn_rate: Vec<BurnRate>,
    /// What is raised.
    pub alert: Alert,
    /// When the budget is spent at the rate of now.
    pub exhausts_at: Option<Timestamp>,
    /// When an overspent rolling window is within its budget again, if nothing bad happens any more.
    pub recovers_at: Option<Timestamp>,
    /// Why `data` is not `ok`, in a few words.
    pub reason: Option<String>,
    /// Good and bad events with those of declared maintenance, which the figures above leave out;
    /// `None` where there was none.
    pub raw: Option<(u64, u64)>,
    /// The share of the budget that remained at some moments of the window, oldest first: for pages.
    /// Empty where nobody asked.
    pub burn_down: Vec<(Timestamp, Ratio)>,
}

/// What the figures of an objective are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Data {
    /// At least 0.9 of the window has samples.
    Ok,
    /// Less has.
    Partial,
    /// There are samples, but nothing happened.
    NoData,
    /// The newest sample is older than three sampling intervals.
    Stale,
    /// Nothing of this objective is recorded here.
    Absent,
    /// The figures are impossible, such as more good events than events. A process counts good and bad
    /// apart and can't contradict itself: only a fleet's report says it.
    Inconsistent,
}

/// What an objective raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alert {
    /// Nothing.
    None,
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody is woken.
    Critical,
    /// It can't be said, for lack of samples: whatever was raised stays, and nothing new is.
    Frozen,
}

impl Report {
    /// A report without objectives yet.
    #[must_use]
    pub const fn new(generated_at: Timestamp, source: Source) -> Report {
        Report {
            generated_at,
            source,
            objectives: Vec::new(),
        }
    }

    /// The whole as one line of JSON, fractions and not percentages, but for `target`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is text and no value fails to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl ObjectiveReport {
    /// An objective of which nothing is known yet: absent, with its declaration filled in.
    #[must_use]
    pub fn of(objective: &Objective, at: Timestamp) -> ObjectiveReport {
        let window = objective.window();
        let length = match window {
            Window::Rolling(rolling) => rolling.duration(),
            Window::Calendar(_) => window.span(at).duration(),
        };
        ObjectiveReport {
            service: objective.service().to_string(),
            name: objective.name().into(),
            kind: objective.kind().as_str(),
            method: objective.method(),
            target: objective.target(),
            threshold: limit(objective),
            window: window.clone(),
            description: objective.description().map(Into::into),
            data: Data::Absent,
            coverage: 0.0,
            good: 0,
            bad: 0,
            length,
            burn_rate: Vec::new(),
            alert: Alert::None,
            exhausts_at: None,
            recovers_at: None,
            reason: None,
            raw: None,
            burn_down: Vec::new(),
        }
    }

    /// Its error budget.
    #[must_use]
    pub fn budget(&self) -> Budget {
        Budget::new(self.target, self.length, self.good, self.bad)
    }

    /// Whether the counts mean anything.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        !matches!(self.data, Data::Absent | Data::Inconsistent)
    }
}

fn limit(objective: &Objective) -> Option<(Ratio, &'static str)> {
    let unit = objective.threshold_unit()?;
    let value = match objective.threshold()? {
        Threshold::Percent(percent) => percent.to_string().parse().ok()?,
        Threshold::Duration(limit) if unit == "ms" => {
            Ratio::of_durations(limit, Duration::from_millis(1))?
        }
        Threshold::Duration(limit) => Ratio::of_durations(limit, Duration::from_secs(1))?,
    };
    Some((value, unit))
}

impl Source {
    /// The word as the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Local => "local",
            Source::Prometheus => "prometheus",
            Source::Store => "store",
        }
    }
}

impl Data {
    pub(super) const ALL: [Data; 6] = [
        Data::Ok,
        Data::Partial,
        Data::NoData,
        Data::Stale,
        Data::Absent,
        Data::Inconsistent,
    ];

    /// What figures with samples in this share of their window are worth. What is stale, absent or
    /// inconsistent is known elsewhere.
    #[must_use]
    pub fn of(coverage: f64, total: u128) -> Data {
        match total {
            0 => Data::NoData,
            _ if coverage >= 0.9 => Data::Ok,
            _ => Data::Partial,
        }
    }

    /// The word as the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Data::Ok => "ok",
            Data::Partial => "partial",
            Data::NoData => "no_data",
            Data::Stale => "stale",
            Data::Absent => "absent",
            Data::Inconsistent => "inconsistent",
        }
    }
}

impl Alert {
    pub(super) const ALL: [Alert; 4] =
        [Alert::None, Alert::Warning, Alert::Critical, Alert::Frozen];

    /// The word as the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Alert::None => "none",
            Alert::Warning => "warning",
            Alert::Critical => "critical",
            Alert::Frozen => "frozen",
        }
    }
}

#[cfg(test)]
mod tests;
