//! The scrape: collect every part, write what can be written, count what could not.
//!
//! | part | from | when it fails |
//! |---|---|---|
//! | `vantage` | the catalog's provider | left out, counted, logged |
//! | `meter` | the service's own meter | the same |
//! | `registry` | registries that the service merged | the same |
//!
//! Parts fail one by one, because their callbacks are foreign code. A scrape without a single
//! series is an error and not an empty 200: Prometheus would take that for all series ending.

mod overflow;
pub(crate) mod text;

mod scrape_log;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::MetricFamily;

use crate::background::Supervisor;
use crate::export::prometheus::text::{Exposition, ExpositionFormat};
use crate::export::providers::MetricProvider;
use crate::record::exemplars::{ExemplarTables, Exemplars};
use crate::record::instruments::SelfTelemetry;
use crate::record::sync::lock;
use overflow::OverflowTracker;
use scrape_log::{ScrapeLog, ScrapePart};

/// Everything that a scrape shows.
#[derive(Debug)]
pub(crate) struct ScrapeHandler {
    catalog: MetricProvider,
    user: MetricProvider,
    /// Registered by the service at any time; a registry is a handle.
    registries: Mutex<Vec<prometheus::Registry>>,
    exemplars: Exemplars,
    self_telemetry: SelfTelemetry,
    scope_labels: bool,
    /// Starts the threads of scrapes.
    supervisor: Supervisor,
    /// Held for a whole scrape: two at once would collect twice and need the memory twice.
    state: Mutex<ScrapeBuffers>,
}

/// Memory kept from scrape to scrape; its lock lets one scrape through at a time.
#[derive(Debug, Default)]
struct ScrapeBuffers {
    catalog: ResourceMetrics,
    user: ResourceMetrics,
    overflows: OverflowTracker,
    exemplars: ExemplarTables,
    /// The size of the last text, and an eighth more.
    capacity: usize,
    log: ScrapeLog,
}

/// The error of a scrape without series.
#[derive(Clone, Debug, thiserror::Error)]
#[error("nothing to expose: {reason}")]
pub(crate) struct EmptyScrapeError {
    reason: String,
}

impl ScrapeHandler {
    pub(crate) fn new(
        catalog: MetricProvider,
        user: MetricProvider,
        exemplars: Exemplars,
        self_telemetry: SelfTelemetry,
        scope_labels: bool,
        supervisor: Supervisor,
    ) -> Self {
        Self {
            catalog,
            user,
            registries: Mutex::default(),
            exemplars,
            self_telemetry,
            scope_labels,
            supervisor,
            state: Mutex::default(),
        }
    }

    /// Shows the metrics of a user's registry as well.
    pub(crate) fn merge(&self, registry: prometheus::Registry) {
        lock(&self.registries).push(registry);
    }

    /// Returns the supervisor of the threads that scrapes run on.
    #[cfg(feature = "axum")]
    pub(crate) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Collects and writes; blocks for milliseconds, and for as long as another scrape takes.
    pub(crate) fn render(&self, format: ExpositionFormat) -> Result<String, EmptyScrapeError> {
        let started = Instant::now();
        // A scrape may be the only sign of life where no thread could be had.
        self.supervisor.nudge();
        let mut state = lock(&self.state);
        let state = &mut *state;
        let catalog = self.collect(&self.catalog, &mut state.catalog);
        self.record_part(&mut state.log, ScrapePart::Catalog, &catalog);
        let user = self.collect(&self.user, &mut state.user);
        self.record_part(&mut state.log, ScrapePart::Meter, &user);
        if user.is_ok() {
            self.record_overflows(&mut state.overflows, &state.user);
        }
        let gathered = self.gather(&mut state.log);
        let mut exposition = Exposition::new(format).scope_labels(self.scope_labels);
        if catalog.is_ok() {
            let exemplars = self.exemplars.for_scrape(&mut state.exemplars);
            exposition = exposition.otel_with_exemplars("vantage", &state.catalog, exemplars);
        }
        if user.is_ok() {
            exposition = exposition.otel("meter", &state.user);
        }
        let mut text = String::with_capacity(state.capacity);
        let report = exposition.families("registry", &gathered).finish(&mut text);
        state.capacity = text.len() + text.len() / 8;
        for omission in &report.omissions {
            self.self_telemetry.record_scrape_error(&omission.part);
            state.log.record_omission(omission);
        }
        self.self_telemetry.record_scrape(started.elapsed());
        match catalog {
            Err(reason) if report.series == 0 => Err(EmptyScrapeError { reason }),
            _ if report.series == 0 => Err(EmptyScrapeError {
                reason: "there are no series".into(),
            }),
            _ => Ok(text),
        }
    }

    fn collect(&self, metrics: &MetricProvider, into: &mut ResourceMetrics) -> Result<(), String> {
        // The service's callbacks run in here.
        match catch_unwind(AssertUnwindSafe(|| metrics.collect(into))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("a callback panicked".to_owned()),
        }
    }

    fn record_part(&self, log: &mut ScrapeLog, part: ScrapePart, outcome: &Result<(), String>) {
        match outcome {
            Ok(()) => log.record_success(part, Instant::now()),
            Err(failure) => {
                self.self_telemetry.record_scrape_error(part.as_str());
                log.record_failure(part, failure, Instant::now());
            }
        }
    }

    fn record_overflows(&self, tracker: &mut OverflowTracker, collected: &ResourceMetrics) {
        for overflow in tracker.update(collected) {
            let instrument = overflow.instrument;
            self.self_telemetry
                .record_overflow(instrument, overflow.measurements);
            if overflow.first {
                tracing::warn!(
                    instrument,
                    "an instrument of the service's own meter is at its limit of series: new label values go to its overflow series"
                );
            }
        }
    }

    fn gather(&self, log: &mut ScrapeLog) -> Vec<MetricFamily> {
        // Gathered outside of the lock: a collector may merge a registry itself.
        let registries = lock(&self.registries).clone();
        let mut gathered = Vec::new();
        let mut outcome = Ok(());
        for registry in &registries {
            match catch_unwind(AssertUnwindSafe(|| registry.gather())) {
                Ok(families) => gathered.extend(families),
                Err(_) => {
                    let part = ScrapePart::Registry.as_str();
                    self.self_telemetry.record_scrape_error(part);
                    outcome = Err("a collector panicked");
                }
            }
        }
        match outcome {
            Ok(()) => log.record_success(ScrapePart::Registry, Instant::now()),
            Err(failure) => log.record_failure(ScrapePart::Registry, failure, Instant::now()),
        }
        gathered
    }
}
