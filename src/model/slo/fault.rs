//! Faults of the SLO files, and warnings about them.
//!
//! Faults are collected and never thrown one by one: whoever writes a file wants to mend it once. A
//! warning stops nothing.

use std::fmt;

use super::Objectives;
use crate::model::causes::debug_as_text;
use crate::model::fault::write_listed;

/// The SLO files can't be used; holds every fault of every file.
///
/// The author of the files is at fault, and each [`SloFault`] says what is allowed instead. Nothing is
/// tracked from files with a fault.
///
/// ```
/// use vantage_obs::slo::Objectives;
///
/// let file = r#"{"api": {"availability": {"target": 100, "window": "30d"},
///                        "latency": {"target": 95, "window": "30d"}}}"#;
/// let error = Objectives::parse(&[("api.json", file)]).unwrap_err();
/// let paths: Vec<_> = error.faults().iter().map(|fault| fault.path.as_str()).collect();
/// assert_eq!(paths, ["$.api.availability.target", "$.api.latency.threshold"]);
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct SloError {
    /// Never empty.
    faults: Vec<SloFault>,
    warnings: Vec<SloWarning>,
    /// For tools that go on with them; a service tracks none of them, so that a typo cannot
    /// silently drop one objective of many.
    valid_objectives: Objectives,
}
debug_as_text!(SloError);

impl SloError {
    pub(super) fn new(faults: Vec<SloFault>) -> SloError {
        SloError {
            faults,
            warnings: Vec::new(),
            valid_objectives: Objectives::default(),
        }
    }

    pub(super) fn with_valid_objectives(self, valid_objectives: Objectives) -> SloError {
        SloError {
            warnings: valid_objectives.warnings().cloned().collect(),
            valid_objectives,
            ..self
        }
    }

    /// Returns the objectives that have no fault.
    #[must_use]
    pub fn valid_objectives(&self) -> &Objectives {
        &self.valid_objectives
    }

    /// Returns every fault, in the order of the files and of their entries. Never empty.
    #[must_use]
    pub fn faults(&self) -> &[SloFault] {
        &self.faults
    }

    /// Returns the warnings about the objectives that have no fault.
    #[must_use]
    pub fn warnings(&self) -> &[SloWarning] {
        &self.warnings
    }
}

impl fmt::Display for SloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("the SLO files have a fault")?,
            count => write!(f, "the SLO files have {count} faults")?,
        }
        write_listed(f, &self.faults)
    }
}

/// One fault of an SLO file, with its place and the accepted values.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SloFault {
    /// The file as it was named, or the directory where that is at fault.
    pub file: String,
    /// The JSON path in the file, such as `$.api.latency.target`; `$` is the whole file.
    pub path: String,
    /// The kind of fault.
    #[serde(serialize_with = "serialize_message")]
    pub problem: SloProblem,
    /// The value found there; `None` where something is missing.
    pub value: Option<String>,
    /// The accepted values.
    pub allowed: String,
}

impl SloFault {
    pub(super) fn for_file(
        file: &str,
        problem: SloProblem,
        value: String,
        allowed: &str,
    ) -> SloFault {
        SloFault {
            file: file.into(),
            path: "$".into(),
            problem,
            value: Some(value),
            allowed: allowed.into(),
        }
    }
}

impl fmt::Display for SloFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SloFault {
            file,
            path,
            problem,
            value,
            allowed,
        } = self;
        write!(f, "{file}: {path}: {problem}")?;
        if let Some(value) = value {
            write!(f, ": {value}")?;
        }
        write!(f, "; allowed: {allowed}")
    }
}

fn serialize_message<S: serde::Serializer>(
    problem: &SloProblem,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(problem)
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SloProblem {
    /// The directory or a file can't be read, or is not UTF-8.
    #[error("can't be read")]
    Unreadable,
    /// The directory holds no SLO file.
    #[error("no SLO file")]
    NoFile,
    /// More files, or larger ones, than are read.
    #[error("too much to read")]
    TooMuch,
    /// Not JSON.
    #[error("not JSON at line {line} column {column}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1; 0 at the start of a line.
        column: usize,
    },
    /// A string where a number belongs, and the like.
    #[error("wrong type")]
    WrongType,
    /// A top-level key that is no service.
    #[error("unknown service")]
    UnknownService,
    /// An objective that the service doesn't have.
    #[error("unknown objective")]
    UnknownObjective,
    /// The key of a service or of an objective that no label could carry.
    #[error("not a name")]
    InvalidName,
    /// A `metric` that the catalog doesn't have.
    #[error("unknown metric")]
    UnknownMetric,
    /// A `metric` whose events can't be told apart, such as a gauge.
    #[error("not a counter of events or a histogram")]
    UncountableMetric,
    /// A label that the metric doesn't have.
    #[error("unknown label")]
    UnknownAttribute,
    /// A value that the label can't have.
    #[error("not a value of the label")]
    UnknownValue,
    /// A key that objectives of this kind don't have.
    #[error("unknown key")]
    UnknownKey,
    /// The same key twice in one object.
    #[error("key given twice")]
    DuplicateKey,
    /// The same objective in two files.
    #[error("objective declared twice")]
    DuplicateObjective,
    /// A key that must be there.
    #[error("missing")]
    Missing,
    /// A number outside its range, or with more decimals than can be kept exactly.
    #[error("out of range")]
    OutOfRange,
    /// A `window` that is no length of time, or zero.
    #[error("not a window")]
    InvalidWindow,
    /// A `calendar` that is no week, month or quarter.
    #[error("unknown period")]
    UnknownPeriod,
    /// A `time_zone` that this machine doesn't know.
    #[error("unknown time zone")]
    UnknownTimeZone,
    /// A `unit` that this kind's threshold can't have.
    #[error("unknown unit")]
    UnknownUnit,
    /// A `method` that doesn't exist.
    #[error("unknown method")]
    UnknownMethod,
    /// A `method` by which nothing is counted for this kind.
    #[error("not a method of this objective")]
    UncountedMethod,
    /// The threshold of an error rate that is not 100 − target.
    #[error("contradicts the target")]
    ThresholdContradictsTarget,
}

/// A warning about a legal declaration that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SloWarning {
    /// The file as it was named.
    pub file: String,
    /// The JSON path in the file, such as `$.api.latency.description`.
    pub path: String,
    /// The suspicion, in a sentence without its full stop.
    pub message: String,
}

impl fmt::Display for SloWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SloWarning {
            file,
            path,
            message,
        } = self;
        write!(f, "{file}: {path}: {message}")
    }
}
