//! The scrape: collect every part, write what can be written, count what could not.
//!
//! | part | from | when it fails |
//! |---|---|---|
//! | `vantage` | the catalog's provider | left out, counted, logged |
//! | `meter` | the service's own meter | the same; a callback costs its own instrument only |
//! | `registry` | registries that the service merged | the same, one by one |
//!
//! The service's callbacks and collectors run first, on threads of their own and within a deadline, before any
//! lock is taken: one that hangs is left out, and one that scrapes is answered with what is there. A scrape without a single
//! series is an error and not an empty 200: Prometheus would take that for all series ending.

mod overflow;
pub(crate) mod text;

mod scrape_log;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::MetricFamily;

use crate::background::Supervisor;
use crate::background::user_code::{CALL_TIMEOUT, Reading, UserCall};
use crate::export::prometheus::text::{Exposition, ExpositionFormat};
use crate::export::providers::MetricProvider;
use crate::record::exemplars::{ExemplarTables, Exemplars};
use crate::record::instruments::SelfTelemetry;
use crate::record::sync::lock;
use overflow::OverflowTracker;
use scrape_log::{OtelPart, ScrapeLog};

/// A registry of the service's, and the families that it gathered last.
type RegistryReading = Reading<Arc<Vec<MetricFamily>>>;

/// The most callbacks that a reason names.
const MAX_NAMED: usize = 20;

/// Everything that a scrape shows.
#[derive(Debug)]
pub(crate) struct ScrapeHandler {
    catalog: MetricProvider,
    user: MetricProvider,
    /// Registered by the service at any time; a registry is a handle.
    registries: Mutex<Vec<RegistryReading>>,
    exemplars: Exemplars,
    self_telemetry: SelfTelemetry,
    scope_labels: bool,
    /// Starts the threads of scrapes.
    supervisor: Supervisor,
    /// Held while a scrape collects and writes: two at once would need the memory twice.
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
        let mut registries = lock(&self.registries);
        let name = format!(
            "registry {} of those that were merged",
            registries.len() + 1
        );
        registries.push(Reading::new(name, move || Ok(Arc::new(registry.gather()))));
    }

    /// Returns the supervisor of the threads that scrapes run on.
    #[cfg(feature = "axum")]
    pub(crate) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Collects and writes; blocks for milliseconds, and up to 5 s while callbacks of the service hang.
    pub(crate) fn render(&self, format: ExpositionFormat) -> Result<String, EmptyScrapeError> {
        self.render_within(format, CALL_TIMEOUT)
    }

    /// Does what [`render`](Self::render) does, with another time limit for the service's callbacks.
    pub(crate) fn render_within(
        &self,
        format: ExpositionFormat,
        callbacks: Duration,
    ) -> Result<String, EmptyScrapeError> {
        let started = Instant::now();
        // A scrape may be the only sign of life where no thread could be had.
        self.supervisor.nudge();
        // A copy: a collector may merge a registry itself.
        let registries = lock(&self.registries).clone();
        let left_out = self.run_callbacks(&registries, callbacks);
        let mut state = lock(&self.state);
        let state = &mut *state;
        let catalog = self.collect(&self.catalog, &mut state.catalog);
        self.record_part(&mut state.log, OtelPart::Catalog, &catalog);
        let user = self.collect(&self.user, &mut state.user);
        self.record_part(&mut state.log, OtelPart::Meter, &user);
        if user.is_ok() {
            self.record_overflows(&mut state.overflows, &state.user);
        }
        let gathered = registries.iter();
        // Shared and not taken: another scrape may use the same.
        let gathered =
            gathered.filter_map(|registry| registry.with_result(|found| Arc::clone(found)));
        let gathered: Vec<_> = gathered.collect();
        let mut exposition = Exposition::new(format).scope_labels(self.scope_labels);
        if catalog.is_ok() {
            let exemplars = self.exemplars.for_scrape(&mut state.exemplars);
            exposition = exposition.otel_with_exemplars("vantage", &state.catalog, exemplars);
        }
        if user.is_ok() {
            exposition = exposition.otel("meter", &state.user);
        }
        let mut text = String::with_capacity(state.capacity);
        for families in &gathered {
            exposition = exposition.families("registry", families);
        }
        let report = exposition.finish(&mut text);
        state.capacity = text.len() + text.len() / 8;
        for omission in &report.omissions {
            self.self_telemetry.record_scrape_error(&omission.part);
            state.log.record_omission(omission);
        }
        self.self_telemetry.record_scrape(started.elapsed());
        if report.series > 0 {
            return Ok(text);
        }
        let mut reason = catalog
            .err()
            .unwrap_or_else(|| "there are no series".into());
        if !left_out.is_empty() {
            reason.push_str("; without a result: ");
            reason.push_str(&left_out.join(", "));
        }
        Err(EmptyScrapeError { reason })
    }

    /// Runs the service's callbacks and collectors; returns the names of those without a result, which are
    /// counted.
    fn run_callbacks(&self, registries: &[RegistryReading], within: Duration) -> Vec<String> {
        let callbacks = self.user.callbacks();
        let mut calls = callbacks.calls();
        calls.extend(
            registries
                .iter()
                .map(|registry| Arc::clone(registry.call())),
        );
        let failed = callbacks.threads().call_all(&calls, within);
        for call in &failed {
            let is_registry = |registry: &RegistryReading| std::ptr::eq(&**registry.call(), *call);
            let part = match registries.iter().any(is_registry) {
                true => "registry",
                false => OtelPart::Meter.as_str(),
            };
            self.self_telemetry.record_scrape_error(part);
        }
        let names = failed.into_iter().map(UserCall::name);
        // The reason of an answer without series is read by a person.
        names.take(MAX_NAMED).map(str::to_owned).collect()
    }

    fn collect(&self, metrics: &MetricProvider, into: &mut ResourceMetrics) -> Result<(), String> {
        match catch_unwind(AssertUnwindSafe(|| metrics.collect(into))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("a callback panicked".to_owned()),
        }
    }

    fn record_part(&self, log: &mut ScrapeLog, part: OtelPart, outcome: &Result<(), String>) {
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
}
