//! One scrape: collect every part, write what can be written, count what could not.

mod overflow;
pub mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::MetricFamily;

use crate::export::prometheus::text::{Exposition, Format};
use crate::export::providers::Metrics;
use crate::record::exemplars::{Exemplars, Known};
use crate::record::instruments::Own;
use overflow::Overflows;

/// Everything that a scrape shows.
#[derive(Debug)]
pub(crate) struct Scrape {
    ours: Metrics,
    user: Metrics,
    registries: Mutex<Vec<prometheus::Registry>>,
    exemplars: Exemplars,
    own: Own,
    scope_labels: bool,
    kept: Mutex<Kept>,
}

/// Memory kept from scrape to scrape; its lock lets one scrape through at a time.
#[derive(Debug, Default)]
struct Kept {
    ours: ResourceMetrics,
    user: ResourceMetrics,
    overflows: Overflows,
    exemplars: Known,
    capacity: usize,
}

/// Why there is nothing to show.
#[derive(Clone, Debug, thiserror::Error)]
#[error("nothing to expose: {reason}")]
pub(crate) struct NothingToExpose {
    reason: String,
}

impl Scrape {
    pub(crate) fn new(
        ours: Metrics,
        user: Metrics,
        exemplars: Exemplars,
        own: Own,
        scope_labels: bool,
    ) -> Self {
        Self {
            ours,
            user,
            registries: Mutex::default(),
            exemplars,
            own,
            scope_labels,
            kept: Mutex::default(),
        }
    }

    /// Shows the metrics of a user's registry as well.
    pub(crate) fn merge(&self, registry: prometheus::Registry) {
        lock(&self.registries).push(registry);
    }

    /// Collects and writes; blocks for milliseconds, and for as long as another scrape takes.
    pub(crate) fn render(&self, format: Format) -> Result<String, NothingToExpose> {
        let started = Instant::now();
        let mut kept = lock(&self.kept);
        let kept = &mut *kept;
        let ours = self.collect("vantage", &self.ours, &mut kept.ours);
        let user = self.collect("meter", &self.user, &mut kept.user);
        if user.is_ok() {
            self.name_overflows(&mut kept.overflows, &kept.user);
        }
        let gathered = self.gather();
        let mut exposition = Exposition::new(format).scope_labels(self.scope_labels);
        if ours.is_ok() {
            let exemplars = self.exemplars.shown(&mut kept.exemplars);
            exposition = exposition.otel_with_exemplars("vantage", &kept.ours, exemplars);
        }
        if user.is_ok() {
            exposition = exposition.otel("meter", &kept.user);
        }
        let mut text = String::with_capacity(kept.capacity);
        let report = exposition.families("registry", &gathered).finish(&mut text);
        kept.capacity = text.len() + text.len() / 8;
        for omission in &report.omissions {
            self.own.left_out(&omission.part);
            tracing::debug!(%omission, "left out of a scrape");
        }
        self.own.scraped(started.elapsed());
        match ours {
            Err(reason) if report.series == 0 => Err(NothingToExpose { reason }),
            _ if report.series == 0 => Err(NothingToExpose {
                reason: "no part has a series".into(),
            }),
            _ => Ok(text),
        }
    }

    fn collect(
        &self,
        part: &str,
        metrics: &Metrics,
        into: &mut ResourceMetrics,
    ) -> Result<(), String> {
        let collected = catch_unwind(AssertUnwindSafe(|| metrics.collect(into)));
        let failure = match collected {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a callback panicked".to_owned(),
        };
        self.own.left_out(part);
        tracing::warn!(part, failure, "a part is missing from the scrape");
        Err(failure)
    }

    fn name_overflows(&self, known: &mut Overflows, collected: &ResourceMetrics) {
        for overflow in known.look(collected) {
            let instrument = overflow.instrument;
            self.own.overflowed(instrument, overflow.measurements);
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
                .inspect_err(|_| self.own.left_out("registry"))
                .unwrap_or_default()
        };
        registries.iter().flat_map(gather).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
