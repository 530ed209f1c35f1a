//! An objective on an instrument of the catalog.

use super::super::indicator::{Good, Indicator};
use super::super::kind::{Kind, Service, Threshold, Unit};
use super::super::{Fault, Method, Objective, Problem, lint};
use super::declaration::{Keep, duration, target};
use super::fields::Fields;
use super::{filter, unknown, window};
use crate::model::catalog::{self, Family, Instrument, MetricSpec};
use crate::model::suggest::nearest;

const KEYS: &[&str] = &["metric", "where", "good", "target", "window", "description"];

const METRIC: &str = "a counter of events or a histogram of the catalog, such as \
                      \"http.server.request.duration\"; `vantage-obs catalog` lists them";

const GOOD: &str = "{\"at_most\": 500, \"unit\": \"ms\"} of a histogram, \
                    labels such as {\"outcome\": \"succeeded\"} of a counter";

/// The objective, or `None` after at least one fault.
pub(super) fn read(
    fields: &Fields<'_>,
    service: &Service,
    name: &str,
    faults: &mut Vec<Fault>,
) -> Option<Objective> {
    let strangers = fields.entries().filter(|(key, _)| !KEYS.contains(key));
    let before = faults.len();
    faults.extend(strangers.map(|(key, _)| unknown(fields, key, Problem::UnknownKey, KEYS)));

    let mut keep = Keep(faults);
    let metric = keep.ok(metric(fields));
    let target = keep.ok(target(fields));
    let description = keep.ok(fields.string("description", "a string"));
    let window = window::read(fields, faults);
    // What may stand in the others depends on the metric.
    let counted = metric.map(|metric| (filter::read(fields, "where", metric, faults), metric));
    let good = metric.and_then(|metric| good(fields, metric, faults));
    if faults.len() > before {
        return None;
    }
    let (filter, metric) = counted?;
    let (good, unit) = good?;
    let mut objective = Objective {
        id: format!("{service}.{name}"),
        file: fields.file().into(),
        service: service.clone(),
        kind: Kind::Custom,
        method: Method::Occurrences,
        target: target?,
        threshold: match good {
            Good::AtMost(limit) => Some(Threshold::Duration(limit)),
            Good::Labels(_) => None,
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
    objective.warnings = lint::warnings(&objective);
    Some(objective)
}

fn metric(fields: &Fields<'_>) -> Result<&'static MetricSpec, Fault> {
    let name = fields.string("metric", METRIC)?;
    let name = name.ok_or_else(|| fields.fault("metric", Problem::Missing, METRIC))?;
    let Some(metric) = catalog::find(&name) else {
        let allowed = format!("{METRIC}{}", meant(&name));
        return Err(fields.fault("metric", Problem::UnknownMetric, &allowed));
    };
    if !countable(metric) {
        return Err(fields.fault("metric", Problem::UncountableMetric, METRIC));
    }
    Ok(metric)
}

/// Counters and histograms that are recorded event by event, but not those of the telemetry itself,
/// which say nothing about a service.
fn countable(metric: &MetricSpec) -> bool {
    use crate::model::units::Unit;
    let events = match metric.instrument {
        Instrument::Counter => matches!(metric.unit, Unit::Things(_)),
        Instrument::Histogram(_) => metric.unit == Unit::Seconds,
        _ => false,
    };
    events && metric.family != Family::Own
}

/// The metric that was probably meant: near in name, or the one that Prometheus knows by this name.
fn meant(written: &str) -> String {
    let metrics = || catalog::all().filter(|metric| countable(metric));
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

/// What is good, with the unit of a limit.
fn good(
    fields: &Fields<'_>,
    metric: &MetricSpec,
    faults: &mut Vec<Fault>,
) -> Option<(Good, Option<Unit>)> {
    let Some(value) = fields.get("good") else {
        faults.push(fields.fault("good", Problem::Missing, GOOD));
        return None;
    };
    if let Instrument::Histogram(_) = metric.instrument {
        let path = fields.path_of("good");
        let fields = Fields::read(fields.file(), path, value, faults)?;
        let (limit, unit) = at_most(&fields, faults)?;
        return Some((Good::AtMost(limit), Some(unit)));
    }
    let labels = filter::read(fields, "good", metric, faults)?;
    if labels.is_empty() {
        // All would be good, always.
        faults.push(fields.fault("good", Problem::OutOfRange, GOOD));
        return None;
    }
    Some((Good::Labels(labels), None))
}

fn at_most(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<(std::time::Duration, Unit)> {
    const KEYS: &[&str] = &["at_most", "unit"];
    let strangers = fields.entries().filter(|(key, _)| !KEYS.contains(key));
    faults.extend(strangers.map(|(key, _)| unknown(fields, key, Problem::UnknownKey, KEYS)));
    let mut keep = Keep(faults);
    let unit = keep.ok(unit(fields));
    // The number is read without a unit too, so that both faults show at once.
    let limit = keep.ok(duration(fields, "at_most", unit.unwrap_or(Unit::Seconds)));
    Some((limit?, unit?))
}

/// Written out, because no kind says which one it is.
fn unit(fields: &Fields<'_>) -> Result<Unit, Fault> {
    let allowed = "ms, s";
    let text = fields.string("unit", allowed)?;
    let text = text.ok_or_else(|| fields.fault("unit", Problem::Missing, allowed))?;
    let unit = [Unit::Milliseconds, Unit::Seconds]
        .into_iter()
        .find(|unit| unit.as_str() == text);
    unit.ok_or_else(|| fields.fault("unit", Problem::UnknownUnit, allowed))
}
