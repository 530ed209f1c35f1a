//! The metric of a declaration.
//!
//! Everything that names a metric takes a `&'static MetricSpec`, because nearly all metrics are constants. So the
//! one of a figure is leaked, once for each distinct declaration: a process has as many as it declares, and
//! tests that declare the same thousands of times have one.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::{Figure, FigureKind, FigureLabel};
use crate::model::catalog::{Attribute, AttributeValues, Instrument, MetricFamily, MetricSpec};
use crate::model::units::Unit;

/// The metrics so far, by the declaration without what is generated for it.
static INTERNED: LazyLock<Mutex<HashMap<String, &'static MetricSpec>>> =
    LazyLock::new(Mutex::default);

/// The bounds that the conventions advise for durations of requests.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// From a header to a film, in steps of four.
const BYTES: &[f64] = &[
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const COUNTS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0,
];

/// Returns the metric of a declaration that meets the rules.
pub(super) fn intern(figure: &Figure) -> &'static MetricSpec {
    let key = format!(
        "{:?}",
        (
            &figure.name,
            figure.kind,
            &figure.unit,
            &figure.description,
            &figure.labels,
            &figure.buckets
        )
    );
    // A panic while it is held is impossible, and would leave the map whole.
    let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    interned.entry(key).or_insert_with(|| leak(figure))
}

fn leak(figure: &Figure) -> &'static MetricSpec {
    let unit = match figure.parse_unit() {
        Some(Unit::Count(_)) | None => Unit::Count(figure.unit.as_deref().map_or("", leak_text)),
        Some(unit) => unit,
    };
    let description = match &figure.description {
        Some(text) => text.trim_end().trim_end_matches('.').into(),
        None => format!("The figure {} of the service", figure.name),
    };
    Box::leak(Box::new(MetricSpec {
        name: leak_text(&figure.name),
        instrument: instrument(figure, unit),
        unit,
        description: leak_text(&description),
        // The map is in key order, as the SDK needs them.
        attributes: figure
            .labels
            .iter()
            .map(|(key, values)| attribute(key, values))
            .collect::<Vec<_>>()
            .leak(),
        family: MetricFamily::Figures,
    }))
}

fn instrument(figure: &Figure, unit: Unit) -> Instrument {
    match figure.kind {
        FigureKind::Counter => Instrument::Counter,
        FigureKind::Gauge => Instrument::Gauge,
        FigureKind::Histogram if !figure.buckets.is_empty() => {
            Instrument::Histogram(figure.buckets.clone().leak())
        }
        FigureKind::Histogram => Instrument::Histogram(match unit {
            Unit::Seconds => SECONDS,
            Unit::Bytes => BYTES,
            _ => COUNTS,
        }),
    }
}

fn attribute(key: &str, values: &FigureLabel) -> Attribute {
    Attribute {
        key: leak_text(key),
        absent: None,
        values: match values {
            FigureLabel::AtMost(limit) => AttributeValues::AtMost(*limit),
            FigureLabel::OneOf(values) => {
                let values: Vec<_> = values.iter().map(|value| leak_text(value)).collect();
                AttributeValues::OneOf(values.leak())
            }
        },
    }
}

fn leak_text(text: &str) -> &'static str {
    String::from(text).leak()
}
