//! One objective from the fields of its declaration.

use std::time::Duration;

use super::super::kind::{Kind, Service, Threshold, Unit};
use super::super::{Fault, Method, Objective, Problem, lint};
use super::fields::Fields;
use super::{unknown, window};
use crate::model::units::{Decimal, Percent};

const TARGET: &str =
    "a number above 0 and below 100, in percent, with at most 12 decimals, such as 99.9";

/// The objective, or `None` after at least one fault.
///
/// Every field is read before giving up, so that all faults show at once.
pub(super) fn read(
    fields: &Fields<'_>,
    service: &Service,
    kind: Kind,
    faults: &mut Vec<Fault>,
) -> Option<Objective> {
    let keys = keys(kind);
    let strangers = fields.entries().filter(|(key, _)| !keys.contains(key));
    let before = faults.len();
    faults.extend(strangers.map(|(key, _)| unknown(fields, key, Problem::UnknownKey, keys)));

    let mut keep = Keep(faults);
    let target = keep.ok(target(fields));
    let unit = kind
        .unit()
        .map(|default| keep.ok(unit(fields, default)).unwrap_or(default));
    let threshold = keep.ok(unit.map(|unit| threshold(fields, unit, target)).transpose());
    let window = window::read(fields, keep.0);
    let method = keep.ok(method(fields, service, kind));
    let description = keep.ok(fields.string("description", "a string"));
    if faults.len() > before {
        return None;
    }
    let mut objective = Objective {
        id: format!("{service}.{kind}"),
        file: fields.file().into(),
        service: service.clone(),
        kind,
        method: method?,
        target: target?,
        threshold: threshold?,
        unit,
        indicator: None,
        window: window?,
        description: description?,
        warnings: Vec::new(),
    };
    objective.warnings = lint::warnings(&objective);
    Some(objective)
}

/// Sets faults aside, so that the fields after them are still read.
pub(super) struct Keep<'a>(pub(super) &'a mut Vec<Fault>);

impl Keep<'_> {
    pub(super) fn ok<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }
}

/// The keys of an objective of this kind.
fn keys(kind: Kind) -> &'static [&'static str] {
    match kind.unit() {
        Some(_) => &[
            "target",
            "threshold",
            "unit",
            "window",
            "method",
            "description",
        ],
        None => &["target", "window", "method", "description"],
    }
}

pub(super) fn target(fields: &Fields<'_>) -> Result<Percent, Fault> {
    let target: Option<Percent> = fields.number("target", TARGET)?.parse().ok();
    target
        .filter(|target| *target > Percent::ZERO && *target < Percent::HUNDRED)
        .ok_or_else(|| fields.fault("target", Problem::OutOfRange, TARGET))
}

fn method(fields: &Fields<'_>, service: &Service, kind: Kind) -> Result<Method, Fault> {
    let methods = kind.methods(service);
    let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
    let allowed = allowed.join(", ");
    let Some(text) = fields.string("method", &allowed)? else {
        return Ok(kind.default_method());
    };
    let method = Method::ALL
        .into_iter()
        .find(|method| method.as_str() == text);
    let method = method.ok_or_else(|| fields.fault("method", Problem::UnknownMethod, &allowed))?;
    if methods.contains(&method) {
        Ok(method)
    } else {
        Err(fields.fault("method", Problem::UncountedMethod, &allowed))
    }
}

fn unit(fields: &Fields<'_>, default: Unit) -> Result<Unit, Fault> {
    let units = default.alternatives();
    let allowed = units
        .iter()
        .map(|unit| unit.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let Some(text) = fields.string("unit", &allowed)? else {
        return Ok(default);
    };
    let unit = units.iter().copied().find(|unit| unit.as_str() == text);
    unit.ok_or_else(|| fields.fault("unit", Problem::UnknownUnit, &allowed))
}

fn threshold(fields: &Fields<'_>, unit: Unit, target: Option<Percent>) -> Result<Threshold, Fault> {
    match unit {
        Unit::Percent => permitted(fields, target).map(Threshold::Percent),
        time => duration(fields, "threshold", time).map(Threshold::Duration),
    }
}

/// A limit that is a time, exact to the nanosecond.
pub(super) fn duration(fields: &Fields<'_>, key: &str, unit: Unit) -> Result<Duration, Fault> {
    let allowed = format!(
        "a number above 0, in {}, of whole nanoseconds and under 500 years",
        unit.as_str()
    );
    let decimal: Option<Decimal> = fields.number(key, &allowed)?.parse().ok();
    let nanoseconds = decimal
        .zip(unit.nanosecond_places())
        .and_then(|(decimal, places)| decimal.scaled(places))
        .filter(|n| *n > 0);
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| fields.fault(key, Problem::OutOfRange, &allowed))
}

/// The threshold of an error rate, which states its target a second time: as the bad share.
fn permitted(fields: &Fields<'_>, target: Option<Percent>) -> Result<Percent, Fault> {
    let expected = target.map(Percent::complement);
    let allowed = match expected {
        Some(expected) => format!("{expected}, in percent, which is 100 - target"),
        None => "100 - target, in percent".into(),
    };
    let stated: Option<Percent> = fields.number("threshold", &allowed)?.parse().ok();
    let stated = stated.ok_or_else(|| fields.fault("threshold", Problem::OutOfRange, &allowed))?;
    match expected {
        Some(expected) if expected != stated => {
            Err(fields.fault("threshold", Problem::ThresholdContradictsTarget, &allowed))
        }
        _ => Ok(stated),
    }
}
