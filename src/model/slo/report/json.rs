//! The report as JSON, field by field in the order that is promised.

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::{BurnRate, ObjectiveReport, SloReport};
use crate::model::slo::budget::Budget;
use crate::model::units::{Percent, Ratio, format_duration, serialize_number};

impl Serialize for SloReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Report", 3)?;
        members.serialize_field("generated_at", &self.generated_at.to_string())?;
        members.serialize_field("source", self.source.as_str())?;
        members.serialize_field("objectives", &self.objectives)?;
        members.end()
    }
}

impl Serialize for ObjectiveReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let budget = self.budget();
        let counted = self.is_counted();
        let count = |count: u128| counted.then_some(count);
        let moment = |moment: Option<jiff::Timestamp>| moment.map(|moment| moment.to_string());
        let mut members = serializer.serialize_struct("ObjectiveReport", 20)?;
        members.serialize_field("service", &self.service)?;
        members.serialize_field("name", &self.name)?;
        members.serialize_field("kind", self.kind)?;
        members.serialize_field("method", self.method.as_str())?;
        members.serialize_field("target", &self.target)?;
        members.serialize_field("threshold", &self.threshold.map(ThresholdJson))?;
        members.serialize_field("window", &self.window)?;
        members.serialize_field("description", &self.description)?;
        members.serialize_field("data", self.data.as_str())?;
        members.serialize_field("coverage", &FloatJson(self.coverage))?;
        members.serialize_field("good", &count(self.good.into()))?;
        members.serialize_field("bad", &count(self.bad.into()))?;
        members.serialize_field("total", &count(budget.total()))?;
        let sli = budget.sli().filter(|_| counted);
        members.serialize_field("sli", &sli)?;
        members.serialize_field("budget", &BudgetJson { budget, counted })?;
        members.serialize_field("burn_rate", &BurnRatesJson(self.target, &self.burn_rate))?;
        members.serialize_field("alert", self.alert.as_str())?;
        members.serialize_field("exhausts_at", &moment(self.exhausts_at))?;
        members.serialize_field("recovers_at", &moment(self.recovers_at))?;
        members.serialize_field("reason", &self.reason)?;
        members.serialize_field(
            "raw",
            &self.raw.map(|(good, bad)| RawCountsJson { good, bad }),
        )?;
        if !self.burn_down.is_empty() {
            members.serialize_field("burn_down", &BurnDownJson(&self.burn_down))?;
        }
        members.end()
    }
}

/// A share of time, as a number.
struct FloatJson(f64);

impl Serialize for FloatJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_number(self.0, serializer)
    }
}

struct ThresholdJson((Ratio, &'static str));

impl Serialize for ThresholdJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (value, unit) = self.0;
        let mut members = serializer.serialize_struct("Threshold", 2)?;
        members.serialize_field("value", &value)?;
        members.serialize_field("unit", unit)?;
        members.end()
    }
}

/// A budget whose counts mean nothing has a size all the same.
struct BudgetJson {
    budget: Budget,
    counted: bool,
}

impl Serialize for BudgetJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let budget = &self.budget;
        let known = |ratio: Option<Ratio>| ratio.filter(|_| self.counted);
        let mut members = serializer.serialize_struct("Budget", 5)?;
        members.serialize_field("fraction", &budget.permitted_bad())?;
        members.serialize_field("seconds", &budget.time_budget_seconds())?;
        members.serialize_field("events", &known(Some(budget.event_budget())))?;
        members.serialize_field("consumed", &known(budget.consumed()))?;
        members.serialize_field("remaining", &known(budget.remaining()))?;
        members.end()
    }
}

struct BurnRatesJson<'a>(Percent, &'a [BurnRate]);

impl Serialize for BurnRatesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|rate| BurnRateJson(self.0, rate)))
    }
}

struct BurnRateJson<'a>(Percent, &'a BurnRate);

impl Serialize for BurnRateJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let BurnRateJson(target, rate) = self;
        let total = u128::from(rate.good) + u128::from(rate.bad);
        let mut members = serializer.serialize_struct("BurnRate", 5)?;
        members.serialize_field("window", &format_duration(rate.window))?;
        members.serialize_field("value", &rate.value(*target))?;
        members.serialize_field("good", &rate.good)?;
        members.serialize_field("total", &total)?;
        members.serialize_field("coverage", &FloatJson(rate.coverage))?;
        members.end()
    }
}

/// The counts with those of maintenance.
#[derive(Serialize)]
struct RawCountsJson {
    good: u64,
    bad: u64,
}

struct BurnDownJson<'a>(&'a [(jiff::Timestamp, Ratio)]);

impl Serialize for BurnDownJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut points = serializer.serialize_seq(Some(self.0.len()))?;
        for (at, remaining) in self.0 {
            points.serialize_element(&(at.to_string(), remaining))?;
        }
        points.end()
    }
}
