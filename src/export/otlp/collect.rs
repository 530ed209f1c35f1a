//! Collects metrics on a thread aside: the user's own callbacks may block or panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use crate::export::providers::MetricProvider;

/// A meter provider, and its collection while it is under way.
pub(super) struct MetricSource {
    metrics: MetricProvider,
    /// The collection that is under way, perhaps since an earlier push.
    collection: Option<JoinHandle<Option<ResourceMetrics>>>,
}

impl MetricSource {
    pub(super) const fn new(metrics: MetricProvider) -> Self {
        Self {
            metrics,
            collection: None,
        }
    }

    /// Begins to collect, unless that is under way: a callback that hangs keeps one thread, and not
    /// one more at every push.
    pub(super) fn start(&mut self) {
        let metrics = self.metrics.clone();
        self.collection
            // A late result is used by the next push: it is cumulative, and only a little older.
            .get_or_insert_with(|| spawn_blocking(move || collect(&metrics)));
    }

    /// Waits for the collection until the deadline; `None` when it failed or isn't there by then.
    pub(super) async fn finish(&mut self, deadline: Instant) -> Option<ResourceMetrics> {
        let collected = timeout_at(deadline, self.collection.as_mut()?).await.ok()?;
        self.collection = None;
        collected.ok()?
    }
}

fn collect(metrics: &MetricProvider) -> Option<ResourceMetrics> {
    let mut collected = ResourceMetrics::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| metrics.collect(&mut collected)));
    // A panic of one callback fails the collection of its provider; that is why the service's meter
    // has one of its own.
    matches!(outcome, Ok(Ok(()))).then_some(collected)
}
