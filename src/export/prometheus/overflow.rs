//! Instruments of the user's own meter that hold their limit of series.
//!
//! Ours are counted where a measurement finds its instrument full. Here the SDK keeps the limit, and
//! only what was collected tells: a histogram's overflow series says how many measurements it took;
//! of any other one is known, when its value has moved, that it took at least one.

use std::collections::HashMap;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

use crate::record::series::is_overflow;

/// What the overflow series were when they were last looked at, by scope and instrument.
#[derive(Debug, Default)]
pub(super) struct Overflows(HashMap<(String, String), Level>);

/// Where an overflow series stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Measurements(u64),
    Value(f64),
}

/// Measurements that went to an instrument's overflow series since it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow<'a> {
    pub(super) instrument: &'a str,
    /// Known exactly for histograms; at least this many for all others.
    pub(super) measurements: u64,
    /// Whether the instrument never overflowed before.
    pub(super) first: bool,
}

impl Overflows {
    /// The instruments whose overflow series have moved.
    pub(super) fn look<'a>(&mut self, collected: &'a ResourceMetrics) -> Vec<Overflow<'a>> {
        let mut moved = Vec::new();
        for scope in collected.scope_metrics() {
            for metric in scope.metrics() {
                let Some(level) = level(metric.data()) else {
                    continue;
                };
                let key = (scope.scope().name().to_owned(), metric.name().to_owned());
                let before = self.0.insert(key, level);
                let measurements = level.since(before);
                if measurements > 0 {
                    moved.push(Overflow {
                        instrument: metric.name(),
                        measurements,
                        first: before.is_none(),
                    });
                }
            }
        }
        moved
    }
}

impl Level {
    fn since(self, before: Option<Self>) -> u64 {
        match (self, before) {
            (Self::Measurements(now), Some(Self::Measurements(before))) => {
                now.saturating_sub(before)
            }
            (Self::Measurements(now), _) => now,
            (Self::Value(_), before) => (before != Some(self)).into(),
        }
    }
}

fn level(data: &AggregatedMetrics) -> Option<Level> {
    match data {
        AggregatedMetrics::F64(data) => level_of(data, |value| value),
        AggregatedMetrics::I64(data) => level_of(data, |value| value as f64),
        AggregatedMetrics::U64(data) => level_of(data, |value| value as f64),
    }
}

fn level_of<T: Copy>(data: &MetricData<T>, float: impl Fn(T) -> f64) -> Option<Level> {
    match data {
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| Level::Value(float(point.value()))),
        MetricData::Sum(sum) => sum
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| Level::Value(float(point.value()))),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| Level::Measurements(point.count())),
        MetricData::ExponentialHistogram(histogram) => histogram
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| Level::Measurements(point.count() as u64)),
    }
}
