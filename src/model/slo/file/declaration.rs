//! One objective from the fields of its declaration.

use std::time::Duration;

use super::super::kind::{ObjectiveKind, ObjectiveThreshold, ServiceKey, ThresholdUnit};
use super::super::{BudgetingMethod, Objective, SloFault, SloProblem, lint};
use super::fields::{Faults, ObjectFields};
use super::window;
use crate::model::string_enum::{StringEnum, join_words};
use crate::model::units::{Decimal, Percent};

const TARGET: &str =
    "a number above 0 and below 100, in percent, with at most 12 decimals, such as 99.9";

/// Reads a built-in objective; `None` after at least one fault.
///
/// Every field is read before giving up, so that all faults show at once.
pub(super) fn read_builtin_objective(
    fields: &ObjectFields<'_>,
    service: &ServiceKey,
    kind: ObjectiveKind,
    faults: &mut Faults,
) -> Option<Objective> {
    let keys = allowed_keys(kind);
    let before = faults.len();
    fields.reject_unknown_keys(keys, faults);

    let target = faults.ok(read_target(fields));
    let unit = kind
        .unit()
        .map(|default| faults.ok(read_unit(fields, default)).unwrap_or(default));
    let threshold = faults.ok(unit
        .map(|unit| read_threshold(fields, unit, target))
        .transpose());
    let window = window::read_window(fields, faults);
    let method = faults.ok(read_method(fields, service, kind));
    let description = faults.ok(fields.string("description", "a string"));
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
    objective.warnings = lint::lint_objective(&objective);
    Some(objective)
}

/// Returns the keys of an objective of this kind.
fn allowed_keys(kind: ObjectiveKind) -> &'static [&'static str] {
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

pub(super) fn read_target(fields: &ObjectFields<'_>) -> Result<Percent, SloFault> {
    let target: Option<Percent> = fields.number("target", TARGET)?.parse().ok();
    target
        .filter(|target| *target > Percent::ZERO && *target < Percent::HUNDRED)
        .ok_or_else(|| fields.fault("target", SloProblem::OutOfRange, TARGET))
}

fn read_method(
    fields: &ObjectFields<'_>,
    service: &ServiceKey,
    kind: ObjectiveKind,
) -> Result<BudgetingMethod, SloFault> {
    let methods = kind.methods(service);
    let allowed = join_words(methods);
    let Some(text) = fields.string("method", &allowed)? else {
        return Ok(kind.default_method());
    };
    let problem = match BudgetingMethod::from_word(&text) {
        Some(method) if methods.contains(&method) => return Ok(method),
        Some(_) => SloProblem::UncountedMethod,
        None => SloProblem::UnknownMethod,
    };
    Err(fields.fault("method", problem, &allowed))
}

fn read_unit(fields: &ObjectFields<'_>, default: ThresholdUnit) -> Result<ThresholdUnit, SloFault> {
    let units = default.alternatives();
    let unit = fields.choice("unit", units, SloProblem::UnknownUnit)?;
    Ok(unit.unwrap_or(default))
}

fn read_threshold(
    fields: &ObjectFields<'_>,
    unit: ThresholdUnit,
    target: Option<Percent>,
) -> Result<ObjectiveThreshold, SloFault> {
    match unit {
        ThresholdUnit::Percent => {
            read_error_rate_threshold(fields, target).map(ObjectiveThreshold::Percent)
        }
        time => read_duration(fields, "threshold", time).map(ObjectiveThreshold::Duration),
    }
}

/// Reads a duration limit, exact to the nanosecond.
pub(super) fn read_duration(
    fields: &ObjectFields<'_>,
    key: &str,
    unit: ThresholdUnit,
) -> Result<Duration, SloFault> {
    let allowed = format!(
        "a number above 0, in {}, of whole nanoseconds and under 500 years",
        unit.as_str()
    );
    let decimal: Option<Decimal> = fields.number(key, &allowed)?.parse().ok();
    let nanoseconds = decimal
        .zip(unit.nanosecond_places())
        .and_then(|(decimal, places)| decimal.to_fixed_point(places))
        .filter(|n| *n > 0);
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| fields.fault(key, SloProblem::OutOfRange, &allowed))
}

/// Reads the threshold of an error rate, which repeats its target as the bad share.
fn read_error_rate_threshold(
    fields: &ObjectFields<'_>,
    target: Option<Percent>,
) -> Result<Percent, SloFault> {
    let expected = target.map(Percent::complement);
    let allowed = match expected {
        Some(expected) => format!("{expected}, in percent, which is 100 - target"),
        None => "100 - target, in percent".into(),
    };
    let stated: Option<Percent> = fields.number("threshold", &allowed)?.parse().ok();
    let stated =
        stated.ok_or_else(|| fields.fault("threshold", SloProblem::OutOfRange, &allowed))?;
    match expected {
        // The document of the platform writes both, and two numbers that say one thing may drift
        // apart.
        Some(expected) if expected != stated => Err(fields.fault(
            "threshold",
            SloProblem::ThresholdContradictsTarget,
            &allowed,
        )),
        _ => Ok(stated),
    }
}
