//! A report read back from its JSON: what a service answers is shown as if it were asked here.
//!
//! Unknown members are left alone, so that a report of a later release can be read; a value that is none
//! of ours is an error, because leaving it out could turn a page into silence.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::{AlertState, BurnRate, DataQuality, ObjectiveReport, ReportSource, SloReport};
use crate::model::slo::kind::ThresholdUnit;
use crate::model::slo::window::{CalendarPeriod, CalendarWindow};
use crate::model::slo::{BudgetingMethod, ObjectiveKind, SloWindow};
use crate::model::units::{Percent, Ratio, parse_duration};

/// Parse error of a report.
///
/// Whoever answered with it is at fault: something else than a service with these routes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a report of objectives: {0}")]
pub struct ReportParseError(String);

#[derive(Deserialize)]
#[serde(expecting = "struct Whole")]
struct ParsedReport {
    generated_at: Rfc3339Timestamp,
    source: String,
    objectives: Vec<ParsedObjective>,
}

#[derive(Deserialize)]
#[serde(expecting = "struct One")]
struct ParsedObjective {
    service: String,
    name: String,
    kind: String,
    method: String,
    target: Number,
    threshold: Option<ParsedThreshold>,
    window: Value,
    description: Option<String>,
    data: String,
    coverage: f64,
    good: Option<u64>,
    bad: Option<u64>,
    burn_rate: Vec<ParsedBurnRate>,
    alert: String,
    exhausts_at: Option<Rfc3339Timestamp>,
    recovers_at: Option<Rfc3339Timestamp>,
    reason: Option<String>,
    raw: Option<ParsedCounts>,
    #[serde(default)]
    burn_down: Vec<(Rfc3339Timestamp, Number)>,
}

#[derive(Deserialize)]
#[serde(expecting = "struct Limit")]
struct ParsedThreshold {
    value: Number,
    unit: String,
}

#[derive(Deserialize)]
#[serde(expecting = "struct Rate")]
struct ParsedBurnRate {
    window: String,
    good: u64,
    total: u64,
    coverage: f64,
}

#[derive(Deserialize)]
#[serde(expecting = "struct Raw")]
struct ParsedCounts {
    good: u64,
    bad: u64,
}

/// A timestamp as RFC 3339 text.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Rfc3339Timestamp(Timestamp);

impl TryFrom<String> for Rfc3339Timestamp {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Rfc3339Timestamp)
    }
}

impl SloReport {
    /// Parses the output of [`to_json`](Self::to_json).
    ///
    /// # Errors
    ///
    /// [`ReportParseError`] names what is missing or can't be.
    pub fn from_json(text: &str) -> Result<SloReport, ReportParseError> {
        let parsed: ParsedReport =
            serde_json::from_str(text).map_err(|error| ReportParseError(error.to_string()))?;
        let sources = [
            ReportSource::Local,
            ReportSource::Prometheus,
            ReportSource::Store,
        ];
        let source = parse_one_of(&sources, ReportSource::as_str, "source", &parsed.source)?;
        let mut report = SloReport::new(parsed.generated_at.0, source);
        for objective in parsed.objectives {
            report
                .objectives
                .push(objective.into_report(report.generated_at)?);
        }
        Ok(report)
    }
}

impl ParsedObjective {
    fn into_report(self, at: Timestamp) -> Result<ObjectiveReport, ReportParseError> {
        let kind = parse_one_of(
            &ObjectiveKind::ALL,
            ObjectiveKind::as_str,
            "kind",
            &self.kind,
        )?;
        let window = parse_window(&self.window)?;
        let length = match &window {
            SloWindow::Rolling(rolling) => rolling.duration(),
            SloWindow::Calendar(_) => window.range_at(at).duration(),
        };
        let target = self.target.to_string().parse::<Percent>();
        let points = self.burn_down.iter();
        let points = points.map(|(at, left)| Ok((at.0, parse_ratio(left)?)));
        Ok(ObjectiveReport {
            kind: kind.as_str(),
            method: parse_one_of(
                &BudgetingMethod::ALL,
                BudgetingMethod::as_str,
                "method",
                &self.method,
            )?,
            target: target
                .map_err(|error| invalid_value("target", &self.target.to_string(), error))?,
            threshold: self
                .threshold
                .map(ParsedThreshold::into_threshold)
                .transpose()?,
            length,
            window,
            data: parse_one_of(&DataQuality::ALL, DataQuality::as_str, "data", &self.data)?,
            good: self.good.unwrap_or_default(),
            bad: self.bad.unwrap_or_default(),
            burn_rate: self
                .burn_rate
                .iter()
                .map(ParsedBurnRate::to_burn_rate)
                .collect::<Result<_, _>>()?,
            alert: parse_one_of(&AlertState::ALL, AlertState::as_str, "alert", &self.alert)?,
            raw: self.raw.map(|raw| (raw.good, raw.bad)),
            burn_down: points.collect::<Result<_, _>>()?,
            service: self.service,
            name: self.name,
            description: self.description,
            coverage: self.coverage,
            exhausts_at: self.exhausts_at.map(|at| at.0),
            recovers_at: self.recovers_at.map(|at| at.0),
            reason: self.reason,
        })
    }
}

impl ParsedThreshold {
    fn into_threshold(self) -> Result<(Ratio, &'static str), ReportParseError> {
        let units = [
            ThresholdUnit::Milliseconds,
            ThresholdUnit::Seconds,
            ThresholdUnit::Percent,
        ];
        let unit = parse_one_of(&units, ThresholdUnit::as_str, "unit", &self.unit)?;
        Ok((parse_ratio(&self.value)?, unit.as_str()))
    }
}

impl ParsedBurnRate {
    fn to_burn_rate(&self) -> Result<BurnRate, ReportParseError> {
        let window: Duration = parse_duration(&self.window)
            .map_err(|error| invalid_value("window", &self.window, error))?;
        let bad = self.total.checked_sub(self.good);
        let bad =
            bad.ok_or_else(|| invalid_value("total", &self.total.to_string(), "less than good"))?;
        Ok(BurnRate::new(window, self.good, bad, self.coverage))
    }
}

fn parse_window(value: &Value) -> Result<SloWindow, ReportParseError> {
    let unknown = || {
        invalid_value(
            "window",
            &value.to_string(),
            "no window that this release knows",
        )
    };
    if let Some(text) = value.as_str() {
        return SloWindow::parse_rolling(text).ok_or_else(unknown);
    }
    let period = value["calendar"].as_str().and_then(|name| {
        let mut all = CalendarPeriod::ALL.into_iter();
        all.find(|period| period.as_str() == name)
    });
    let zone = match value["time_zone"].as_str() {
        None | Some("UTC") => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    };
    let calendar = period.zip(zone).ok_or_else(unknown)?;
    Ok(SloWindow::Calendar(CalendarWindow::new(
        calendar.0, calendar.1,
    )))
}

fn parse_ratio(number: &Number) -> Result<Ratio, ReportParseError> {
    let plain = match number.to_string() {
        // The decimals of what is printed that way are beyond those that matter.
        text if text.contains(['e', 'E']) => {
            format!("{:.12}", number.as_f64().unwrap_or_default())
        }
        text => text,
    };
    plain
        .parse()
        .map_err(|_| invalid_value("number", &plain, "no decimal"))
}

fn parse_one_of<T: Copy>(
    all: &[T],
    name: fn(T) -> &'static str,
    member: &str,
    text: &str,
) -> Result<T, ReportParseError> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        let allowed: Vec<_> = all.iter().map(|one| name(*one)).collect();
        invalid_value(member, text, format!("known are {}", allowed.join(", ")))
    })
}

fn invalid_value(member: &str, text: &str, why: impl std::fmt::Display) -> ReportParseError {
    let shown: String = text.chars().take(100).collect();
    ReportParseError(format!("{member} {shown:?}: {why}"))
}
