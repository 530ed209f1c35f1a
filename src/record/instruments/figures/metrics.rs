//! The metrics of the figures in use, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::model::catalog::MetricSpec;
use crate::record::sync::lock;

/// The metrics of the figures in use, which the provider asks how to aggregate. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct FigureMetrics(Arc<Mutex<HashMap<&'static str, &'static MetricSpec>>>);

impl FigureMetrics {
    /// Adds a metric, before its instrument is built.
    pub(super) fn add(&self, metric: &'static MetricSpec) {
        lock(&self.0).insert(metric.name, metric);
    }

    /// Returns the metric of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static MetricSpec> {
        lock(&self.0).get(name).copied()
    }
}
