//! The scrape: collect every part, write what can be written, count what could not.

mod overflow;
pub(crate) mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::MetricFamily;

use crate::export::prometheus::text::{Exposition, ExpositionFormat};
use crate::export::providers::MetricProvider;
use crate::record::exemplars::{ExemplarTables, Exemplars};
use crate::record::instruments::SelfTelemetry;
use crate::record::sync::lock;
use overflow::OverflowTracker;

/// Everything that a scrape shows.
#[derive(Debug)]
pub(crate) struct ScrapeHandler {
    catalog: MetricProvider,
    user: MetricProvider,
    registries: Mutex<Vec<prometheus::Registry>>,
    exemplars: Exemplars,
    self_telemetry: SelfTelemetry,
    scope_labels: bool,
    state: Mutex<ScrapeBuffers>,
}

/// Memory kept from scrape to scrape; its lock lets one scrape through at a time.
#[derive(Debug, Default)]
struct ScrapeBuffers {
    catalog: ResourceMetrics,
    user: ResourceMetrics,
    overflows: OverflowTracker,
    exemplars: ExemplarTables,
    capacity: usize,
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
    ) -> Self {
        Self {
            catalog,
            user,
            registries: Mutex::default(),
            exemplars,
            self_telemetry,
            scope_labels,
            state: Mutex::default(),
        }
    }

    /// Shows the metrics of a user's registry as well.
    pub(crate) fn merge(&self, registry: prometheus::Registry) {
        lock(&self.registries).push(registry);
    }

    /// Collects and writes; blocks for milliseconds, and for as long as another scrape takes.
    pub(crate) fn render(&self, format: ExpositionFormat) -> Result<String, EmptyScrapeError> {
        let started = Instant::now();
        let mut state = lock(&self.state);
        let state = &mut *state;
        let catalog = self.collect("vantage", &self.catalog, &mut state.catalog);
        let user = self.collect("meter", &self.user, &mut state.user);
        if user.is_ok() {
            self.record_overflows(&mut state.overflows, &state.user);
        }
        let gathered = self.gather();
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
            tracing::debug!(%omission, "left out of a scrape");
        }
        self.self_telemetry.record_scrape(started.elapsed());
        match catalog {
            Err(reason) if report.series == 0 => Err(EmptyScrapeError { reason }),
            _ if report.series == 0 => Err(EmptyScrapeError {
                reason: "no part has a series".into(),
            }),
            _ => Ok(text),
        }
    }

    fn collect(
        &self,
        part: &str,
        metrics: &MetricProvider,
        into: &mut ResourceMetrics,
    ) -> Result<(), String> {
        let collected = catch_unwind(AssertUnwindSafe(|| metrics.collect(into)));
        let failure = match collected {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a callback panicked".to_owned(),
        };
        self.self_telemetry.record_scrape_error(part);
        tracing::warn!(part, failure, "a part is missing from the scrape");
        Err(failure)
    }

    fn record_overflows(&self, tracker: &mut OverflowTracker, collected: &ResourceMetrics) {
        for overflow in tracker.update(collected) {
            let instrument = overflow.instrument;
            self.self_telemetry
                .record_overflow(instrument, overflow.measurements);
            if overflow.first {
                tracing::warn!(
                    instrument,
                    "an instrument of the service's own meter holds its limit of series: new label values go to its overflow series"
                );
            }
        }
    }

    fn gather(&self) -> Vec<MetricFamily> {
        let registries = lock(&self.registries).clone();
        let gather = |registry: &prometheus::Registry| {
            let families = catch_unwind(AssertUnwindSafe(|| registry.gather()));
            families
                .inspect_err(|_| self.self_telemetry.record_scrape_error("registry"))
                .unwrap_or_default()
        };
        registries.iter().flat_map(gather).collect()
    }
}
