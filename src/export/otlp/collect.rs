//! Collects metrics on a thread aside: the user's own callbacks may block or panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::background::Supervisor;
use crate::export::providers::MetricProvider;

/// A meter provider, and its collection while it is under way.
pub(super) struct MetricSource {
    metrics: MetricProvider,
    supervisor: Supervisor,
    /// The collection that is under way, perhaps since an earlier push.
    collection: Option<oneshot::Receiver<Option<ResourceMetrics>>>,
}

impl MetricSource {
    /// Returns the sources of these providers.
    pub(super) fn all(metrics: Vec<MetricProvider>, supervisor: &Supervisor) -> Vec<Self> {
        let source = |metrics| Self {
            metrics,
            supervisor: supervisor.clone(),
            collection: None,
        };
        metrics.into_iter().map(source).collect()
    }

    /// Begins to collect, unless that is under way: a callback that hangs keeps one thread, and not
    /// one more at every push. Without a thread this push lacks the provider, and the supervisor tells.
    pub(super) fn start(&mut self) {
        // A late result is used by the next push: it is cumulative, and only a little older.
        if self.collection.is_some() {
            return;
        }
        let (sender, collection) = oneshot::channel();
        let metrics = self.metrics.clone();
        let work = move || {
            let _ = sender.send(collect(&metrics));
        };
        let started = self.supervisor.try_spawn("vantage-collect", work);
        self.collection = started.ok().map(|()| collection);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, Role};

    #[tokio::test]
    async fn a_thread_that_is_refused_costs_one_collection() {
        let metrics = MetricProvider::for_user(&Config::new("test", Role::Api)).unwrap();
        metrics.meter().u64_gauge("a").build().record(1, &[]);
        let is_refused = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&is_refused);
        let supervisor = Supervisor::refused_while(move |_| flag.load(Ordering::SeqCst));
        let mut source = MetricSource::all(vec![metrics], &supervisor).remove(0);
        let soon = || Instant::now() + Duration::from_secs(10);
        source.start();
        assert!(source.finish(soon()).await.is_none());
        assert!(supervisor.down().contains_key("vantage-collect"));
        is_refused.store(false, Ordering::SeqCst);
        source.start();
        assert!(source.finish(soon()).await.is_some());
        assert!(supervisor.down().is_empty());
    }
}
