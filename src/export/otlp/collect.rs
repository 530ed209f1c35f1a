//! Collects metrics on a thread aside, after the service's own callbacks ran within their time limit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::background::Supervisor;
use crate::background::user_code::CALL_TIMEOUT;
use crate::export::providers::MetricProvider;

/// A meter provider, and its collection while it is under way.
pub(super) struct MetricSource {
    metrics: MetricProvider,
    supervisor: Supervisor,
    /// The collection that is under way, perhaps since an earlier push.
    collection: Option<oneshot::Receiver<Option<Collected>>>,
}

/// The metrics that a provider has collected.
pub(super) struct Collected {
    pub(super) metrics: ResourceMetrics,
    /// False where a callback of the service has no result.
    pub(super) is_complete: bool,
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

    /// Begins to collect, unless that is under way. Callbacks have half of the time until the deadline, so that
    /// one which hangs doesn't take the other metrics with it. Without a thread this push lacks the provider, and
    /// the supervisor tells.
    pub(super) fn start(&mut self, deadline: Instant) {
        // A late result is used by the next push: it is cumulative, and only a little older.
        if self.collection.is_some() {
            return;
        }
        let (sender, collection) = oneshot::channel();
        let metrics = self.metrics.clone();
        let callbacks = deadline.saturating_duration_since(Instant::now()) / 2;
        // Callbacks may expect a runtime.
        let runtime = Handle::try_current().ok();
        let work = move || {
            let _entered = runtime.as_ref().map(Handle::enter);
            let _ = sender.send(collect(&metrics, callbacks));
        };
        let started = self.supervisor.try_spawn("vantage-collect", work);
        self.collection = started.ok().map(|()| collection);
    }

    /// Waits for the collection until the deadline; `None` when it failed or isn't there by then.
    pub(super) async fn finish(&mut self, deadline: Instant) -> Option<Collected> {
        let collected = timeout_at(deadline, self.collection.as_mut()?).await.ok()?;
        self.collection = None;
        collected.ok()?
    }
}

fn collect(metrics: &MetricProvider, timeout: Duration) -> Option<Collected> {
    let callbacks = metrics.callbacks();
    let threads = callbacks.threads();
    let calls = callbacks.calls();
    let failed = threads.call_all(&calls, timeout.min(CALL_TIMEOUT));
    let is_complete = failed.is_empty();
    let mut collected = ResourceMetrics::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| metrics.collect(&mut collected)));
    matches!(outcome, Ok(Ok(()))).then_some(Collected {
        metrics: collected,
        is_complete,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use opentelemetry::metrics::MeterProvider as _;

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
        source.start(soon());
        assert!(source.finish(soon()).await.is_none());
        assert!(supervisor.down().contains_key("vantage-collect"));
        is_refused.store(false, Ordering::SeqCst);
        source.start(soon());
        assert!(source.finish(soon()).await.is_some());
        assert!(supervisor.down().is_empty());
    }

    #[tokio::test]
    async fn a_callback_finds_the_runtime_from_which_the_push_came() {
        let metrics = MetricProvider::for_user(&Config::new("test", Role::Api)).unwrap();
        let runtime = Handle::current().id();
        let meter = metrics.user_meters().meter("shop");
        meter
            .u64_observable_gauge("shop.size")
            .with_callback(move |observer| {
                assert_eq!(Handle::current().id(), runtime);
                observer.observe(7, &[]);
            })
            .build();
        let mut source = MetricSource::all(vec![metrics], &Supervisor::default()).remove(0);
        let soon = || Instant::now() + Duration::from_secs(60);
        source.start(soon());
        assert!(source.finish(soon()).await.unwrap().is_complete);
    }
}
