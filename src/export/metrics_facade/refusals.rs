use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::catalog::telemetry::{BY_FIGURE, FIGURE_MISMATCHES};
use crate::record::instruments::LazySeries;
use crate::record::series::{BoundSeries, Counter, Instruments};

/// The values that no histogram takes, counted as those of the service's own figures are.
#[derive(Clone, Debug)]
pub(super) struct Refusals(LazySeries<BoundSeries<Counter, 2>>);

/// Those of one metric.
#[derive(Debug)]
pub(super) struct MetricRefusals {
    metric: Box<str>,
    refusals: Refusals,
    is_told: AtomicBool,
}

impl Refusals {
    pub(super) fn new(instruments: &Instruments) -> Self {
        let instruments = instruments.clone();
        Self(LazySeries::new(move || {
            instruments.series(&FIGURE_MISMATCHES, &BY_FIGURE)
        }))
    }

    pub(super) fn of_metric(&self, name: &str) -> MetricRefusals {
        MetricRefusals {
            metric: name.into(),
            refusals: self.clone(),
            is_told: AtomicBool::new(false),
        }
    }
}

impl MetricRefusals {
    /// Counts a value that is refused, and logs the first.
    #[cold]
    pub(super) fn refuse(&self) {
        let Refusals(refused) = &self.refusals;
        refused.with([&*self.metric, "value"], |series| series.add(1));
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                metric = &*self.metric,
                "a histogram of the `metrics` facade takes no value that is negative or no number: it is only counted"
            );
        }
    }
}
