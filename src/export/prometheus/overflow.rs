//! Instruments of the user's own meter that hold their limit of series.
//!
//! Ours are counted where a measurement finds its instrument full. Here the SDK keeps the limit, and
//! only what was collected tells: a histogram's overflow series says how many measurements it took;
//! of any other one is known, when its value has moved, that it took at least one.

use std::collections::HashMap;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

use crate::record::series::is_overflow;

/// The state of the overflow series at the last collection, by scope and instrument.
#[derive(Debug, Default)]
pub(super) struct OverflowTracker(HashMap<(String, String), OverflowState>);

/// The state of an overflow series.
#[derive(Clone, Copy, Debug, PartialEq)]
enum OverflowState {
    /// The count of a histogram's overflow series.
    Measurements(u64),
    /// The value of any other one.
    Value(f64),
}

/// Measurements that went to an instrument's overflow series since it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow<'a> {
    pub(super) instrument: &'a str,
    /// Known exactly for histograms; at least this many for all others.
    pub(super) measurements: u64,
    /// The instrument never overflowed before.
    pub(super) first: bool,
}

impl OverflowTracker {
    /// The instruments whose overflow series have moved.
    pub(super) fn update<'a>(&mut self, collected: &'a ResourceMetrics) -> Vec<Overflow<'a>> {
        let mut moved = Vec::new();
        for scope in collected.scope_metrics() {
            for metric in scope.metrics() {
                let Some(overflow_state) = overflow_state(metric.data()) else {
                    continue;
                };
                // By scope and name: two scopes may have instruments of one name.
                let key = (scope.scope().name().to_owned(), metric.name().to_owned());
                // The table is bounded by the instruments that ever overflowed.
                let before = self.0.insert(key, overflow_state);
                let measurements = overflow_state.since(before);
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

impl OverflowState {
    fn since(self, before: Option<Self>) -> u64 {
        match (self, before) {
            (Self::Measurements(now), Some(Self::Measurements(before))) => {
                now.saturating_sub(before)
            }
            // The first time all of them are new.
            (Self::Measurements(now), _) => now,
            (Self::Value(_), before) => (before != Some(self)).into(),
        }
    }
}

fn overflow_state(data: &AggregatedMetrics) -> Option<OverflowState> {
    match data {
        AggregatedMetrics::F64(data) => overflow_point(data, |value| value),
        AggregatedMetrics::I64(data) => overflow_point(data, |value| value as f64),
        AggregatedMetrics::U64(data) => overflow_point(data, |value| value as f64),
    }
}

fn overflow_point<T: Copy>(
    data: &MetricData<T>,
    float: impl Fn(T) -> f64,
) -> Option<OverflowState> {
    match data {
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| OverflowState::Value(float(point.value()))),
        MetricData::Sum(sum) => sum
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| OverflowState::Value(float(point.value()))),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| OverflowState::Measurements(point.count())),
        MetricData::ExponentialHistogram(histogram) => histogram
            .data_points()
            .find(|point| is_overflow(point.attributes()))
            .map(|point| OverflowState::Measurements(point.count() as u64)),
    }
}
