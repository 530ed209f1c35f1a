//! A scrape of hostile names, keys, values and help texts.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::input::parts;
use super::oracle::exposition::samples;
use super::{fingerprint, magnitude};
use crate::config::{Config, Role};
use crate::export::prometheus::text::{Exposition, ExpositionFormat};
use crate::export::providers::MetricProvider;

const FORMATS: [ExpositionFormat; 2] = [ExpositionFormat::Text, ExpositionFormat::OpenMetrics];

/// What a collector of the user's own returns: each part of the input is a family in lines, its kind, name and
/// help, then keys and values of labels.
pub(super) fn registry(data: &[u8]) -> u64 {
    let texts: Vec<_> = parts(data).take(8).collect();
    let families: Vec<_> = texts.iter().map(|text| family(text)).collect();
    let mut way = Vec::new();
    for format in FORMATS {
        let mut text = String::new();
        let report = Exposition::new(format)
            .families("fuzz", &families)
            .finish(&mut text);
        let read = samples(&text, format == ExpositionFormat::OpenMetrics);
        let omitted: u64 = report.omissions.iter().map(|omission| omission.count).sum();
        assert_eq!(read.len() as u64, report.series, "{text}");
        assert!(
            report.series + omitted >= families.len() as u64,
            "{report:?} of {families:?}"
        );
        for (name, labels, _) in &read {
            // What is exposed is exposed as it is.
            let is_of = |metric: &Metric| {
                let own: BTreeMap<_, _> = metric
                    .get_label()
                    .iter()
                    .map(|pair| (pair.name(), pair.value()))
                    .collect();
                own.iter()
                    .filter(|(_, value)| !value.is_empty())
                    .all(|(key, value)| labels.get(*key).is_some_and(|found| found == value))
            };
            let known = families.iter().filter(|family| {
                family.name() == name
                    || family.name().trim_end_matches("_total") == name.trim_end_matches("_total")
            });
            assert!(
                known.flat_map(|family| family.get_metric()).any(is_of),
                "{name} {labels:?}"
            );
        }
        let reasons: Vec<_> = report
            .omissions
            .iter()
            .map(|omission| omission.reason)
            .collect();
        assert!(
            text.len() <= 1_024 + 64 * data.len(),
            "{} bytes of {}",
            text.len(),
            data.len()
        );
        way.push((read.len(), reasons));
    }
    fingerprint(way)
}

fn family(text: &str) -> MetricFamily {
    // Line feeds are of interest in help and values, so that another character stands between fields.
    let mut fields = text.split('\t');
    let kind = fields.next().unwrap_or_default();
    let mut family = MetricFamily::default();
    family.set_name(fields.next().unwrap_or_default().to_owned());
    family.set_help(fields.next().unwrap_or_default().to_owned());
    let mut labels = Vec::new();
    while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
        let mut pair = LabelPair::default();
        pair.set_name(key.to_owned());
        pair.set_value(value.to_owned());
        labels.push(pair);
    }
    let mut metric = Metric::from_label(labels);
    let number = kind.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let number = number.trim().parse().unwrap_or(1.0);
    if kind.starts_with('c') {
        family.set_field_type(MetricType::COUNTER);
        let mut counter = Counter::default();
        counter.set_value(number);
        metric.set_counter(counter);
    } else {
        family.set_field_type(MetricType::GAUGE);
        let mut gauge = Gauge::default();
        gauge.set_value(number);
        metric.set_gauge(gauge);
    }
    family.set_metric(vec![metric]);
    family
}

/// What a meter of the user's own makes: each part of the input is an instrument, its name, unit and
/// description, then keys and values of attributes.
pub(super) fn otel(data: &[u8]) -> u64 {
    let config = Config::new("fuzz", Role::Api);
    let provider = MetricProvider::for_user(&config);
    let provider = provider.unwrap_or_else(|error| panic!("{error}"));
    let meter = provider.user_meters().meter("fuzz");
    for text in parts(data).take(8) {
        let mut fields = text.split('\t').map(str::to_owned);
        let mut field = || fields.next().unwrap_or_default();
        let (kind, name, unit, description) = (field(), field(), field(), field());
        let mut attributes = Vec::new();
        while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
            attributes.push(KeyValue::new(key, value));
        }
        match kind.as_str() {
            "counter" => {
                let counter = meter
                    .u64_counter(name)
                    .with_unit(unit)
                    .with_description(description);
                counter.build().add(1, &attributes);
            }
            "histogram" => {
                let histogram = meter
                    .f64_histogram(name)
                    .with_unit(unit)
                    .with_description(description);
                histogram.build().record(0.5, &attributes);
            }
            _ => {
                let gauge = meter
                    .f64_gauge(name)
                    .with_unit(unit)
                    .with_description(description);
                gauge.build().record(-1.5, &attributes);
            }
        }
    }
    let mut collected = ResourceMetrics::default();
    provider
        .collect(&mut collected)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut way = Vec::new();
    for format in FORMATS {
        for scope_labels in [false, true] {
            let mut text = String::new();
            let exposition = Exposition::new(format).scope_labels(scope_labels);
            let report = exposition.otel("fuzz", &collected).finish(&mut text);
            let read = samples(&text, format == ExpositionFormat::OpenMetrics);
            assert!(report.series > 0 || read.is_empty(), "{text}");
            assert!(
                text.len() <= 4_096 + 256 * data.len(),
                "{} bytes of {}",
                text.len(),
                data.len()
            );
            way.push((
                report.series,
                magnitude(report.omissions.len()),
                report.omissions.first().map(|omission| omission.reason),
            ));
        }
    }
    fingerprint(way)
}
