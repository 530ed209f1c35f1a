//! The SDK's own condition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use crate::model::catalog::telemetry::{
    BY_CALLBACK, BY_INSTRUMENT, BY_PART, BY_SAMPLER, BY_THREAD, HANGING_CALLBACKS, LOG_LINES_LOST,
    SAMPLER_ERRORS, SCRAPE_DURATION, SCRAPE_ERRORS, SERIES_OVERFLOW, THREAD_UP,
};
use crate::record::series::{BoundSeries, Counter, Histogram, Instruments};

/// Registers the counter of lost log lines, which reads the outputs.
pub(crate) fn observe_log_lines(
    instruments: &Instruments,
    lost_lines: impl Fn() -> u64 + Send + Sync + 'static,
) {
    instruments.observe(&LOG_LINES_LOST, move |observer| {
        observer.observe(lost_lines(), &[]);
    });
}

/// Registers the gauge of the telemetry's threads, by name.
pub(crate) fn observe_threads(
    instruments: &Instruments,
    threads: impl Fn() -> BTreeMap<&'static str, bool> + Send + Sync + 'static,
) {
    instruments.observe(&THREAD_UP, move |observer| {
        for (name, is_up) in threads() {
            let thread = KeyValue::new(BY_THREAD[0].key, name);
            observer.observe(u64::from(is_up), &[thread]);
        }
    });
}

/// Registers the gauge of calls that were given up; `count` returns them for each kind.
pub(crate) fn observe_hanging_callbacks(
    instruments: &Instruments,
    count: impl Fn() -> [(&'static str, usize); 4] + Send + Sync + 'static,
) {
    instruments.observe(&HANGING_CALLBACKS, move |observer| {
        for (kind, calls) in count() {
            let kind = KeyValue::new(BY_CALLBACK[0].key, kind);
            observer.observe(u64::try_from(calls).unwrap_or(u64::MAX), &[kind]);
        }
    });
}

/// The metrics of the SDK itself. A cheap clone.
///
/// Built first, because everything else may have something to report.
#[derive(Clone, Debug)]
pub(crate) struct SelfTelemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    series_overflow: BoundSeries<Counter, 1>,
    scrape_duration: Histogram,
    scrape_errors: BoundSeries<Counter, 1>,
    sampler_errors: BoundSeries<Counter, 1>,
}

impl SelfTelemetry {
    pub(crate) fn new(instruments: &Instruments) -> Self {
        Self(Arc::new(Inner {
            series_overflow: instruments.series(&SERIES_OVERFLOW, &BY_INSTRUMENT),
            scrape_duration: instruments.single(&SCRAPE_DURATION),
            scrape_errors: instruments.series(&SCRAPE_ERRORS, &BY_PART),
            sampler_errors: instruments.series(&SAMPLER_ERRORS, &BY_SAMPLER),
        }))
    }

    pub(crate) fn record_scrape(&self, elapsed: Duration) {
        self.0.scrape_duration.record(elapsed.as_secs_f64());
    }

    /// An instrument of the user's meter took measurements into its overflow series.
    pub(crate) fn record_overflow(&self, instrument: &str, measurements: u64) {
        self.0
            .series_overflow
            .with([instrument], |series| series.add(measurements));
    }

    pub(crate) fn record_scrape_error(&self, part: &str) {
        self.0.scrape_errors.with([part], |series| series.add(1));
    }

    pub(crate) fn record_sampler_error(&self, sampler: &str) {
        self.0
            .sampler_errors
            .with([sampler], |series| series.add(1));
    }
}
