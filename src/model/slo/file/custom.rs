//! An objective on a metric of the catalog, or on a figure of the service.

use super::super::indicator::{GoodCriterion, Indicator};
use super::super::kind::{ObjectiveKind, ObjectiveThreshold, ServiceKey, ThresholdUnit};
use super::super::{BudgetingMethod, Objective, SloFault, SloProblem, lint};
use super::declaration::{read_duration, read_target};
use super::fields::{Faults, ObjectFields};
use super::{filter, window};
use crate::model::catalog::{self, Instrument, MetricFamily, MetricSpec};
use crate::model::figure::Figures;
use crate::model::suggest::nearest;

const KEYS: &[&str] = &["metric", "where", "good", "target", "window", "description"];

const METRIC: &str = "a counter of events or a histogram of durations, of the catalog or of the \
                      configuration's figures, such as \"http.server.request.duration\"; \
                      `vantage-obs catalog --config FILE` lists them";

/// The remedy where a figure is declared too late: objectives are read once, at the start.
const IN_CODE: &str = "a figure that code declares is known by Config::figures before init, and to \
                       commands by --figures FILE";

const GOOD: &str = "{\"at_most\": 500, \"unit\": \"ms\"} of a histogram, \
                    labels such as {\"outcome\": \"succeeded\"} of a counter";

/// Reads a custom objective; `None` after at least one fault.
pub(super) fn read_custom_objective(
    fields: &ObjectFields<'_>,
    service: &ServiceKey,
    name: &str,
    figures: &Figures,
    faults: &mut Faults,
) -> Option<Objective> {
    let before = faults.len();
    fields.reject_unknown_keys(KEYS, faults);

    let metric = faults.ok(read_metric(fields, figures));
    let target = faults.ok(read_target(fields));
    let description = faults.ok(fields.string("description", "a string"));
    let window = window::read_window(fields, faults);
    // What may stand in the others depends on the metric.
    let counted =
        metric.map(|metric| (filter::read_filter(fields, "where", metric, faults), metric));
    let good = metric.and_then(|metric| read_good(fields, metric, faults));
    if faults.len() > before {
        return None;
    }
    let (filter, metric) = counted?;
    let (good, unit) = good?;
    let mut objective = Objective {
        id: format!("{service}.{name}"),
        file: fields.file().into(),
        service: service.clone(),
        kind: ObjectiveKind::Custom,
        method: BudgetingMethod::Occurrences,
        target: target?,
        threshold: match good {
            GoodCriterion::AtMost(limit) => Some(ObjectiveThreshold::Duration(limit)),
            GoodCriterion::Labels(_) => None,
        },
        unit,
        indicator: Some(Indicator {
            metric,
            filter: filter.unwrap_or_default(),
            good,
        }),
        window: window?,
        description: description?,
        warnings: Vec::new(),
    };
    objective.warnings = lint::lint_objective(&objective);
    Some(objective)
}

fn read_metric(
    fields: &ObjectFields<'_>,
    figures: &Figures,
) -> Result<&'static MetricSpec, SloFault> {
    let name = fields.string("metric", METRIC)?;
    let name = name.ok_or_else(|| fields.fault("metric", SloProblem::Missing, METRIC))?;
    let Some(metric) = catalog::find(&name).or_else(|| figures.metric(&name)) else {
        let allowed = format!("{METRIC}; {IN_CODE}{}", suggest_metric(&name, figures));
        return Err(fields.fault("metric", SloProblem::UnknownMetric, &allowed));
    };
    if !is_countable(metric) {
        return Err(fields.fault("metric", SloProblem::UncountableMetric, METRIC));
    }
    Ok(metric)
}

/// Returns true for counters and histograms that are recorded event by event, but not those of the telemetry itself,
/// which say nothing about a service.
fn is_countable(metric: &MetricSpec) -> bool {
    use crate::model::units::Unit;
    let events = match metric.instrument {
        // Counters of seconds or bytes have no events that could be good or bad.
        Instrument::Counter => matches!(metric.unit, Unit::Count(_)),
        Instrument::Histogram(_) => metric.unit == Unit::Seconds,
        _ => false,
    };
    events && metric.family != MetricFamily::Telemetry
}

/// Returns a suggestion for an unknown metric: the nearest name, or the metric of this Prometheus name.
fn suggest_metric(written: &str, figures: &Figures) -> String {
    let metrics = || {
        let figures = figures.metrics().map(|(_, metric)| metric);
        let all = figures.chain(catalog::all());
        all.filter(|metric| is_countable(metric))
    };
    let prometheus = metrics().find(|metric| {
        let name = metric.prometheus_name();
        name == written || written.strip_suffix("_bucket") == Some(&name)
    });
    let names: Vec<_> = metrics().map(|metric| metric.name).collect();
    let name = prometheus.map(|metric| metric.name);
    match name.or_else(|| nearest(written, &names)) {
        Some(name) => format!("; did you mean {name}?"),
        None => String::new(),
    }
}

/// Reads the criterion for good events, with the unit of a limit.
fn read_good(
    fields: &ObjectFields<'_>,
    metric: &MetricSpec,
    faults: &mut Faults,
) -> Option<(GoodCriterion, Option<ThresholdUnit>)> {
    let Some(value) = fields.get("good") else {
        faults.push(fields.fault("good", SloProblem::Missing, GOOD));
        return None;
    };
    if let Instrument::Histogram(_) = metric.instrument {
        let path = fields.path_to("good");
        let fields = ObjectFields::read(fields.file(), path, value, faults)?;
        let (limit, unit) = read_at_most(&fields, faults)?;
        return Some((GoodCriterion::AtMost(limit), Some(unit)));
    }
    let labels = filter::read_filter(fields, "good", metric, faults)?;
    if labels.is_empty() {
        // All would be good, always.
        faults.push(fields.fault("good", SloProblem::OutOfRange, GOOD));
        return None;
    }
    Some((GoodCriterion::Labels(labels), None))
}

fn read_at_most(
    fields: &ObjectFields<'_>,
    faults: &mut Faults,
) -> Option<(std::time::Duration, ThresholdUnit)> {
    const KEYS: &[&str] = &["at_most", "unit"];
    fields.reject_unknown_keys(KEYS, faults);
    let unit = faults.ok(read_unit(fields));
    // The number is read without a unit too, so that both faults show at once.
    let limit = faults.ok(read_duration(
        fields,
        "at_most",
        unit.unwrap_or(ThresholdUnit::Seconds),
    ));
    Some((limit?, unit?))
}

/// Reads the unit, which is required: no kind implies one.
fn read_unit(fields: &ObjectFields<'_>) -> Result<ThresholdUnit, SloFault> {
    let units = [ThresholdUnit::Milliseconds, ThresholdUnit::Seconds];
    fields.required_choice("unit", &units, SloProblem::UnknownUnit)
}
