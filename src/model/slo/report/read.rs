//! A report read back from its JSON: what a service answers is shown as if it were asked here.
//!
//! Unknown members are left alone, so that a report of a later release can be read; a value that is none
//! of ours is an error, because leaving it out could turn a page into silence.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::{Alert, BurnRate, Data, ObjectiveReport, Report, Source};
use crate::model::slo::kind::Unit;
use crate::model::slo::window::{Calendar, Period};
use crate::model::slo::{Kind, Method, Window};
use crate::model::units::{Percent, Ratio, parse_duration};

/// Text that is no report.
///
/// Whoever answered with it is at fault: something else than a service with these routes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a report of objectives: {0}")]
pub struct ReadError(String);

#[derive(Deserialize)]
struct Whole {
    generated_at: Moment,
    source: String,
    objectives: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    service: String,
    name: String,
    kind: String,
    method: String,
    target: Number,
    threshold: Option<Limit>,
    window: Value,
    description: Option<String>,
    data: String,
    coverage: f64,
    good: Option<u64>,
    bad: Option<u64>,
    burn_rate: Vec<Rate>,
    alert: String,
    exhausts_at: Option<Moment>,
    recovers_at: Option<Moment>,
    reason: Option<String>,
    raw: Option<Raw>,
    #[serde(default)]
    burn_down: Vec<(Moment, Number)>,
}

#[derive(Deserialize)]
struct Limit {
    value: Number,
    unit: String,
}

#[derive(Deserialize)]
struct Rate {
    window: String,
    good: u64,
    total: u64,
    coverage: f64,
}

#[derive(Deserialize)]
struct Raw {
    good: u64,
    bad: u64,
}

/// As RFC 3339 has it.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Moment(Timestamp);

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Moment)
    }
}

impl Report {
    /// Reads what [`to_json`](Self::to_json) has written.
    ///
    /// # Errors
    ///
    /// [`ReadError`] names what is missing or can't be.
    pub fn from_json(text: &str) -> Result<Report, ReadError> {
        let whole: Whole =
            serde_json::from_str(text).map_err(|error| ReadError(error.to_string()))?;
        let sources = [Source::Local, Source::Prometheus, Source::Store];
        let source = one_of(&sources, Source::as_str, "source", &whole.source)?;
        let mut report = Report::new(whole.generated_at.0, source);
        for one in whole.objectives {
            report.objectives.push(one.read(report.generated_at)?);
        }
        Ok(report)
    }
}

impl One {
    fn read(self, at: Timestamp) -> Result<ObjectiveReport, ReadError> {
        let kind = one_of(&Kind::ALL, Kind::as_str, "kind", &self.kind)?;
        let window = window(&self.window)?;
        let length = match &window {
            Window::Rolling(rolling) => rolling.duration(),
            Window::Calendar(_) => window.span(at).duration(),
        };
        let target = self.target.to_string().parse::<Percent>();
        let points = self.burn_down.iter();
        let points = points.map(|(at, left)| Ok((at.0, ratio(left)?)));
        Ok(ObjectiveReport {
            kind: kind.as_str(),
            method: one_of(&Method::ALL, Method::as_str, "method", &self.method)?,
            target: target.map_err(|error| wrong("target", &self.target.to_string(), error))?,
            threshold: self.threshold.map(Limit::read).transpose()?,
            length,
            window,
            data: one_of(&Data::ALL, Data::as_str, "data", &self.data)?,
            good: self.good.unwrap_or_default(),
            bad: self.bad.unwrap_or_default(),
            burn_rate: self
                .burn_rate
                .iter()
                .map(Rate::read)
                .collect::<Result<_, _>>()?,
            alert: one_of(&Alert::ALL, Alert::as_str, "alert", &self.alert)?,
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

impl Limit {
    fn read(self) -> Result<(Ratio, &'static str), ReadError> {
        let units = [Unit::Milliseconds, Unit::Seconds, Unit::Percent];
        let unit = one_of(&units, Unit::as_str, "unit", &self.unit)?;
        Ok((ratio(&self.value)?, unit.as_str()))
    }
}

impl Rate {
    fn read(&self) -> Result<BurnRate, ReadError> {
        let window: Duration =
            parse_duration(&self.window).map_err(|error| wrong("window", &self.window, error))?;
        let bad = self.total.checked_sub(self.good);
        let bad = bad.ok_or_else(|| wrong("total", &self.total.to_string(), "less than good"))?;
        Ok(BurnRate::new(window, self.good, bad, self.coverage))
    }
}

fn window(value: &Value) -> Result<Window, ReadError> {
    let unknown = || {
        wrong(
            "window",
            &value.to_string(),
            "no window that this release knows",
        )
    };
    if let Some(text) = value.as_str() {
        return Window::parse(text).ok_or_else(unknown);
    }
    let period = value["calendar"].as_str().and_then(|name| {
        let mut all = Period::ALL.into_iter();
        all.find(|period| period.as_str() == name)
    });
    let zone = match value["time_zone"].as_str() {
        None | Some("UTC") => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    };
    let calendar = period.zip(zone).ok_or_else(unknown)?;
    Ok(Window::Calendar(Calendar::new(calendar.0, calendar.1)))
}

fn ratio(number: &Number) -> Result<Ratio, ReadError> {
    let plain = match number.to_string() {
        // The decimals of what is printed that way are beyond those that matter.
        text if text.contains(['e', 'E']) => {
            format!("{:.12}", number.as_f64().unwrap_or_default())
        }
        text => text,
    };
    plain
        .parse()
        .map_err(|_| wrong("number", &plain, "no decimal"))
}

fn one_of<T: Copy>(
    all: &[T],
    name: fn(T) -> &'static str,
    member: &str,
    text: &str,
) -> Result<T, ReadError> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        let allowed: Vec<_> = all.iter().map(|one| name(*one)).collect();
        wrong(member, text, format!("known are {}", allowed.join(", ")))
    })
}

fn wrong(member: &str, text: &str, why: impl std::fmt::Display) -> ReadError {
    let shown: String = text.chars().take(100).collect();
    ReadError(format!("{member} {shown:?}: {why}"))
}
