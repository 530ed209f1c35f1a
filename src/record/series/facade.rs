//! Series of instruments that are not declared here.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram};

/// A distribution of a dependency, with its labels.
#[derive(Debug)]
pub(crate) struct FacadeHistogram(BoundHistogram<f64>);

impl FacadeHistogram {
    pub(crate) fn bind(instrument: &Histogram<f64>, labels: &[KeyValue]) -> Self {
        Self(instrument.bind(labels))
    }

    pub(crate) fn record(&self, value: f64) {
        self.0.record(value);
    }
}
