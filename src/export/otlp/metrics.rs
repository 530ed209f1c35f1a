//! The metrics of one signal's OTLP export.
//!
//! Each count is kept twice: in the metrics, for people and alerts, and in plain atomics, because
//! reports and outages need differences that a metric's series can't be asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::config::{Protocol, TelemetrySignal};
use crate::model::catalog::MetricSpec;
use crate::model::catalog::telemetry::{
    BY_ERROR, BY_EXPORTER, EXPORT_DURATION, LOG_QUEUE_CAPACITY, LOG_QUEUE_SIZE, LOGS_EXPORTED,
    LOGS_PROCESSED, POINTS_EXPORTED, SPAN_QUEUE_CAPACITY, SPAN_QUEUE_SIZE, SPANS_EXPORTED,
    SPANS_PROCESSED,
};
use crate::record::series::{BoundSeries, Counter, Histogram, Instruments};

/// Counts one signal's export. A cheap clone; clones count together.
#[derive(Clone, Debug)]
pub(super) struct ExportMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The convention's name of the exporter, a label of its requests.
    exporter: &'static str,
    exported: BoundSeries<Counter, 1>,
    /// Metrics have no queue.
    processed: Option<BoundSeries<Counter, 1>>,
    duration: BoundSeries<Histogram, 2>,
    totals: ExportTotals,
    /// The latest request failed.
    /// Relaxed, as all here: a health check reads it some seconds later.
    down: AtomicBool,
}

/// The same counts as plain numbers, for reports.
#[derive(Debug, Default)]
struct ExportTotals {
    fetched: AtomicU64,
    exported: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// The counts so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExportCounts {
    /// Items taken from the queue, or collected.
    pub(super) fetched: u64,
    /// Were taken by the receiver.
    pub(super) exported: u64,
    /// Were refused for good, or given up.
    pub(super) refused: u64,
    /// Found the queue full or closed.
    pub(super) dropped: u64,
}

impl ExportMetrics {
    pub(super) fn new(
        instruments: &Instruments,
        signal: TelemetrySignal,
        protocol: Protocol,
    ) -> Self {
        let (exported, processed) = match signal {
            TelemetrySignal::Traces => (&SPANS_EXPORTED, Some(&SPANS_PROCESSED)),
            TelemetrySignal::Metrics => (&POINTS_EXPORTED, None),
            TelemetrySignal::Logs => (&LOGS_EXPORTED, Some(&LOGS_PROCESSED)),
        };
        let inner = Inner {
            exporter: exporter_name(signal, protocol),
            exported: instruments.series(exported, &BY_ERROR),
            processed: processed.map(|spec| instruments.series(spec, &BY_ERROR)),
            duration: instruments.series(&EXPORT_DURATION, &BY_EXPORTER),
            totals: ExportTotals::default(),
            down: AtomicBool::new(false),
        };
        // So that rates exist before the first failure.
        // A ratio of failures needs a series for success before anything has failed, and the other
        // way round.
        inner.exported.get([""]);
        if let Some(processed) = &inner.processed {
            processed.get([""]);
            processed.get(["queue_full"]);
        }
        Self(Arc::new(inner))
    }

    /// Shows how full a queue is.
    pub(super) fn observe_queue(
        instruments: &Instruments,
        signal: TelemetrySignal,
        capacity: usize,
        size: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        let (size_of, capacity_of) = match signal {
            TelemetrySignal::Logs => (&LOG_QUEUE_SIZE, &LOG_QUEUE_CAPACITY),
            _ => (&SPAN_QUEUE_SIZE, &SPAN_QUEUE_CAPACITY),
        };
        observe_gauge(instruments, size_of, size);
        observe_gauge(instruments, capacity_of, move || capacity);
    }

    /// Counts items taken from the queue, or collected.
    pub(super) fn record_fetched(&self, items: u64) {
        self.0.totals.fetched.fetch_add(items, Ordering::Relaxed);
        self.record_processed(items, "");
    }

    /// An item could not go into the queue.
    pub(super) fn record_dropped(&self, error: &'static str) {
        self.0.totals.dropped.fetch_add(1, Ordering::Relaxed);
        self.record_processed(1, error);
    }

    /// Items were handed to the exporter, or lost before (`error` is empty, or says how).
    pub(super) fn record_processed(&self, items: u64, error: &str) {
        if let Some(processed) = &self.0.processed {
            processed.with([error], |series| series.add(items));
        }
    }

    /// The receiver took items.
    pub(super) fn record_exported(&self, items: u64) {
        self.0.totals.exported.fetch_add(items, Ordering::Relaxed);
        self.0.exported.with([""], |series| series.add(items));
    }

    /// The receiver refused items for good, or they were given up.
    pub(super) fn record_refused(&self, items: u64, error: &str) {
        self.0.totals.refused.fetch_add(items, Ordering::Relaxed);
        self.0.exported.with([error], |series| series.add(items));
    }

    /// Items failed, and later ones say the same and more: nothing is lost.
    pub(super) fn record_superseded(&self, items: u64, error: &str) {
        // The points are taken out again: the next collection has them all, and they would count
        // twice as waiting.
        self.0.totals.fetched.fetch_sub(items, Ordering::Relaxed);
        self.0.exported.with([error], |series| series.add(items));
    }

    /// Records the duration of one request.
    pub(super) fn record_request(&self, elapsed: Duration, error: &str) {
        self.0.down.store(!error.is_empty(), Ordering::Relaxed);
        self.0.duration.with([error, self.0.exporter], |series| {
            series.record(elapsed.as_secs_f64());
        });
    }

    /// Returns `true` if the latest request failed.
    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    /// Four loads, not a snapshot: sums may be off by what happens meanwhile, which `in_flight`
    /// takes into account by saturating.
    pub(super) fn counts(&self) -> ExportCounts {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let totals = &self.0.totals;
        ExportCounts {
            fetched: read(&totals.fetched),
            exported: read(&totals.exported),
            refused: read(&totals.refused),
            dropped: read(&totals.dropped),
        }
    }
}

impl ExportCounts {
    /// Returns the number of items that are neither exported nor refused yet.
    pub(super) const fn in_flight(self) -> u64 {
        let done = self.exported.saturating_add(self.refused);
        self.fetched.saturating_sub(done)
    }
}

/// The values that the conventions list for `otel.component.type`.
fn exporter_name(signal: TelemetrySignal, protocol: Protocol) -> &'static str {
    match (signal, protocol) {
        (TelemetrySignal::Traces, Protocol::Grpc) => "otlp_grpc_span_exporter",
        (TelemetrySignal::Traces, Protocol::HttpProtobuf) => "otlp_http_span_exporter",
        (TelemetrySignal::Metrics, Protocol::Grpc) => "otlp_grpc_metric_exporter",
        (TelemetrySignal::Metrics, Protocol::HttpProtobuf) => "otlp_http_metric_exporter",
        (TelemetrySignal::Logs, Protocol::Grpc) => "otlp_grpc_log_exporter",
        (TelemetrySignal::Logs, Protocol::HttpProtobuf) => "otlp_http_log_exporter",
    }
}

fn observe_gauge(
    instruments: &Instruments,
    spec: &'static MetricSpec,
    read: impl Fn() -> usize + Send + Sync + 'static,
) {
    instruments.observe(spec, move |observer| observer.observe(read() as u64, &[]));
}
