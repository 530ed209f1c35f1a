//! The report as JSON: one declaration of what is written and read, in the order that is promised.
//!
//! Unknown members are left alone, so that a report of a later release can be read; a value that is none
//! of ours is an error, because leaving it out could turn a page into silence. What follows from the counts
//! is written only, and worked out again, because a number of JSON is not exact.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use super::{BurnRate, ObjectiveReport, SloReport};
use crate::model::causes::{debug_as_text, one_line};
use crate::model::slo::budget::SeenTime;
use crate::model::slo::kind::ThresholdUnit;
use crate::model::slo::window::{CalendarPeriod, CalendarWindow};
use crate::model::slo::{ObjectiveKind, SloWindow};
use crate::model::string_enum::{StringEnum, join_words};
use crate::model::units::{Percent, Ratio, format_duration, parse_duration, serialize_number};

/// Parse error of a report.
///
/// Whoever answered with it is at fault: something else than a service with these routes.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a report of objectives: {0}")]
pub struct ReportParseError(String);
debug_as_text!(ReportParseError);

#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct Whole")]
pub(super) struct ReportJson {
    generated_at: Timestamp,
    source: Word,
    objectives: Vec<ObjectiveJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct One")]
pub(super) struct ObjectiveJson {
    service: String,
    name: String,
    kind: Word,
    method: Word,
    target: Number,
    threshold: Option<ThresholdJson>,
    window: Value,
    description: Option<String>,
    data: Word,
    #[serde(serialize_with = "serialize_coverage")]
    coverage: f64,
    /// `null` where the counts mean nothing.
    good: Option<u64>,
    bad: Option<u64>,
    /// Written only, as `sli` and `budget`.
    #[serde(skip_deserializing)]
    total: Option<u128>,
    #[serde(skip_deserializing)]
    sli: Option<Ratio>,
    #[serde(skip_deserializing)]
    budget: Option<BudgetJson>,
    burn_rate: Vec<BurnRateJson>,
    alert: Word,
    exhausts_at: Option<Timestamp>,
    recovers_at: Option<Timestamp>,
    reason: Option<String>,
    raw: Option<CountsJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(default)]
    seen: Option<SeenJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slice: Option<Ratio>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    burn_down: Vec<(Timestamp, Ratio)>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct Limit")]
struct ThresholdJson {
    value: Ratio,
    unit: Word,
}

/// A budget whose counts mean nothing has a size all the same.
#[derive(Serialize)]
struct BudgetJson {
    fraction: Ratio,
    seconds: Ratio,
    events: Option<Ratio>,
    consumed: Option<Ratio>,
    remaining: Option<Ratio>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct Rate")]
struct BurnRateJson {
    window: String,
    #[serde(skip_deserializing)]
    value: Option<Ratio>,
    good: u64,
    total: u64,
    #[serde(serialize_with = "serialize_coverage")]
    coverage: f64,
    #[serde(
        default = "whole",
        skip_serializing_if = "is_whole",
        serialize_with = "serialize_coverage"
    )]
    reach: f64,
}

/// The time of the whole window that has samples. The share and the mark follow from it, and are written
/// only.
#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct Seen")]
struct SeenJson {
    seconds: Ratio,
    of_seconds: Ratio,
    #[serde(skip_deserializing)]
    share: Option<Ratio>,
    #[serde(skip_deserializing)]
    collecting: bool,
}

/// The counts with those of maintenance.
#[derive(Serialize, Deserialize)]
#[serde(expecting = "struct Raw")]
struct CountsJson {
    good: u64,
    bad: u64,
}

/// A word of an enum; of JSON that is read, any text.
type Word = Cow<'static, str>;

impl SloReport {
    /// Parses the output of [`to_json`](Self::to_json).
    ///
    /// # Errors
    ///
    /// [`ReportParseError`] names what is missing or can't be.
    pub fn from_json(text: &str) -> Result<SloReport, ReportParseError> {
        serde_json::from_str(text).map_err(|error| ReportParseError(one_line(&error.to_string())))
    }
}

impl From<SloReport> for ReportJson {
    fn from(report: SloReport) -> Self {
        Self {
            generated_at: report.generated_at,
            source: report.source.as_str().into(),
            objectives: report.objectives.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ObjectiveReport> for ObjectiveJson {
    fn from(report: ObjectiveReport) -> Self {
        let budget = report.budget();
        let counted = report.is_counted();
        let seen = report.seen();
        let rates = report.burn_rate.iter();
        Self {
            kind: report.kind.into(),
            method: report.method.as_str().into(),
            // Its text is a number.
            target: report.target.to_string().parse().unwrap_or(0.into()),
            threshold: report.threshold.map(|(value, unit)| ThresholdJson {
                value,
                unit: unit.into(),
            }),
            window: serde_json::to_value(&report.window).unwrap_or_default(),
            data: report.data.as_str().into(),
            coverage: report.coverage,
            good: counted.then_some(report.good),
            bad: counted.then_some(report.bad),
            total: counted.then(|| budget.total()),
            sli: report.sli(),
            budget: Some(BudgetJson {
                fraction: budget.permitted_bad(),
                seconds: budget.time_budget_seconds(),
                events: budget.event_budget().filter(|_| counted),
                consumed: budget.consumed().filter(|_| counted),
                remaining: report.remaining(),
            }),
            burn_rate: rates
                .map(|rate| BurnRateJson::new(rate, report.target))
                .collect(),
            alert: report.alert.as_str().into(),
            exhausts_at: report.exhausts_at,
            recovers_at: report.recovers_at,
            raw: report.raw.map(|(good, bad)| CountsJson { good, bad }),
            seen: Some(SeenJson::new(seen)),
            slice: report.slice.map(to_seconds),
            service: report.service,
            name: report.name,
            description: report.description,
            reason: report.reason,
            job: report.job,
            environment: report.environment,
            burn_down: report.burn_down,
        }
    }
}

impl BurnRateJson {
    fn new(rate: &BurnRate, target: Percent) -> Self {
        Self {
            window: format_duration(rate.window),
            value: rate.value(target),
            good: rate.good,
            total: rate.good.saturating_add(rate.bad),
            coverage: rate.coverage,
            reach: rate.reach,
        }
    }

    fn parse(self) -> Result<BurnRate, String> {
        let window = parse_duration(&self.window)
            .map_err(|error| invalid_value("window", &self.window, error))?;
        let bad = self.total.checked_sub(self.good);
        let bad =
            bad.ok_or_else(|| invalid_value("total", &self.total.to_string(), "less than good"))?;
        Ok(BurnRate::new(window, self.good, bad, self.coverage).with_reach(self.reach))
    }
}

impl SeenJson {
    fn new(seen: SeenTime) -> Self {
        Self {
            seconds: to_seconds(seen.seen()),
            of_seconds: to_seconds(seen.window()),
            share: Some(seen.share()),
            collecting: seen.is_collecting(),
        }
    }

    fn parse(self) -> SeenTime {
        let second = Duration::from_secs(1);
        let time = |seconds: Ratio| seconds.mul_duration(second);
        SeenTime::new(time(self.seconds), time(self.of_seconds))
    }
}

impl TryFrom<ReportJson> for SloReport {
    type Error = String;

    fn try_from(json: ReportJson) -> Result<Self, String> {
        let mut report = SloReport::new(json.generated_at, parse_word("source", &json.source)?);
        let objectives = json.objectives.into_iter();
        let objectives = objectives.map(|one| one.parse(json.generated_at));
        report.objectives = objectives.collect::<Result<_, _>>()?;
        Ok(report)
    }
}

impl ObjectiveJson {
    fn parse(self, at: Timestamp) -> Result<ObjectiveReport, String> {
        let kind: ObjectiveKind = parse_word("kind", &self.kind)?;
        let window = parse_window(&self.window)?;
        let target = self.target.to_string();
        Ok(ObjectiveReport {
            kind: kind.as_str(),
            method: parse_word("method", &self.method)?,
            target: target
                .parse()
                .map_err(|error| invalid_value("target", &target, error))?,
            threshold: self.threshold.map(ThresholdJson::parse).transpose()?,
            length: window.length_at(at),
            elapsed: window.elapsed_at(at),
            seen_time: self.seen.map(SeenJson::parse),
            slice: self
                .slice
                .map(|seconds| seconds.mul_duration(Duration::from_secs(1))),
            window,
            data: parse_word("data", &self.data)?,
            good: self.good.unwrap_or_default(),
            bad: self.bad.unwrap_or_default(),
            burn_rate: self
                .burn_rate
                .into_iter()
                .map(BurnRateJson::parse)
                .collect::<Result<_, _>>()?,
            alert: parse_word("alert", &self.alert)?,
            raw: self.raw.map(|raw| (raw.good, raw.bad)),
            burn_down: self.burn_down,
            service: self.service,
            name: self.name,
            job: self.job,
            environment: self.environment,
            description: self.description,
            coverage: self.coverage,
            exhausts_at: self.exhausts_at,
            recovers_at: self.recovers_at,
            reason: self.reason,
        })
    }
}

impl ThresholdJson {
    fn parse(self) -> Result<(Ratio, &'static str), String> {
        let unit: ThresholdUnit = parse_word("unit", &self.unit)?;
        Ok((self.value, unit.as_str()))
    }
}

fn to_seconds(time: Duration) -> Ratio {
    Ratio::from_durations(time, Duration::from_secs(1)).unwrap_or(Ratio::ZERO)
}

const fn whole() -> f64 {
    1.0
}

fn is_whole(share: &f64) -> bool {
    *share >= whole()
}

fn serialize_coverage<S: Serializer>(coverage: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_number(*coverage, serializer)
}

fn parse_window(value: &Value) -> Result<SloWindow, String> {
    let unknown = || {
        let allowed = "not a window that this release knows";
        invalid_value("window", &value.to_string(), allowed)
    };
    if let Some(text) = value.as_str() {
        return SloWindow::parse_rolling(text).ok_or_else(unknown);
    }
    let period = value["calendar"].as_str();
    let period = period.and_then(CalendarPeriod::from_word);
    let zone = match value["time_zone"].as_str() {
        None | Some("UTC") => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    };
    let (period, zone) = period.zip(zone).ok_or_else(unknown)?;
    Ok(SloWindow::Calendar(CalendarWindow::new(period, zone)))
}

fn parse_word<T: StringEnum>(member: &str, text: &str) -> Result<T, String> {
    T::from_word(text).ok_or_else(|| {
        let allowed = format!("known are {}", join_words(T::ALL));
        invalid_value(member, text, allowed)
    })
}

fn invalid_value(member: &str, text: &str, why: impl Display) -> String {
    let shown: String = text.chars().take(100).collect();
    format!("{member} {shown:?}: {why}")
}
