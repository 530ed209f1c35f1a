//! Queues and pools that have to be asked.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vantage_obs::testing::TestTelemetry;
use vantage_obs::{PoolState, QueueState};

use crate::support::CapturedLog;

const LOST: &str = "a queue or pool can't be read; it has no figures until it can; told once";
const BACK: &str = "a queue or pool is read again";
const INTERVAL: Duration = Duration::from_secs(15);

fn depth(test: &TestTelemetry) -> Option<f64> {
    test.value("vantage_worker_queue_depth", &[("queue", "orders")])
}

fn errors(test: &TestTelemetry) -> Option<f64> {
    let labels = [("sampler", "queue:orders")];
    test.value("vantage_telemetry_sampler_errors_total", &labels)
}

/// Looks after the sources now and after what this has started.
async fn ask(test: &TestTelemetry) {
    test.tick();
    tokio::task::yield_now().await;
    test.tick();
}

#[tokio::test]
async fn a_queue_that_can_not_be_read_has_no_figures_until_it_can() {
    let (test, log) = (TestTelemetry::new(), CapturedLog::default());
    let _log = log.install(&test);
    let results = Arc::new(Mutex::new(vec![Ok(9), Err("away"), Err("away"), Ok(7)]));
    let read = Arc::clone(&results);
    let watched = test
        .telemetry()
        .watch_queue_async("orders", INTERVAL, move || {
            let next = read.lock().unwrap().pop();
            async move {
                let depth = next.unwrap_or(Ok(0)).map_err(io::Error::other)?;
                let oldest = Some(Duration::from_secs(depth));
                Ok::<_, io::Error>(QueueState { depth, oldest })
            }
        });
    assert_eq!(depth(&test), None);
    ask(&test).await;
    assert_eq!((depth(&test), errors(&test)), (Some(7.0), None));
    // Not asked again before the interval is over.
    test.clock().advance(INTERVAL - Duration::from_millis(1));
    ask(&test).await;
    assert_eq!(
        (depth(&test), results.lock().unwrap().len()),
        (Some(7.0), 3)
    );
    for failures in [1.0, 2.0] {
        test.clock().advance(INTERVAL);
        ask(&test).await;
        assert_eq!((depth(&test), errors(&test)), (None, Some(failures)));
    }
    let lost = log.with_message(LOST);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0]["fields"]["source"], "queue:orders");
    assert_eq!(lost[0]["fields"]["error"], "away");
    test.clock().advance(INTERVAL);
    ask(&test).await;
    assert_eq!((depth(&test), errors(&test)), (Some(9.0), Some(2.0)));
    let back = log.with_message(BACK);
    assert_eq!(back[0]["fields"]["failures"], 2);
    drop(watched);
    test.tick();
    assert_eq!(depth(&test), None);
}

#[tokio::test]
async fn a_read_that_hangs_is_aborted_at_its_deadline_and_is_one_at_a_time() {
    let (test, log) = (TestTelemetry::new(), CapturedLog::default());
    let _log = log.install(&test);
    let running = Arc::new(AtomicU64::new(0));
    let begun = Arc::new(AtomicU64::new(0));
    let counts = (Arc::clone(&running), Arc::clone(&begun));
    let _watched = test
        .telemetry()
        .watch_queue_async("orders", INTERVAL, move || {
            let (running, begun) = counts.clone();
            async move {
                begun.fetch_add(1, Ordering::Relaxed);
                let _count = Counted::new(running);
                pending::<Result<QueueState, io::Error>>().await
            }
        });
    ask(&test).await;
    test.clock().advance(Duration::from_millis(9_999));
    ask(&test).await;
    assert_eq!((running.load(Ordering::Relaxed), errors(&test)), (1, None));
    test.clock().advance(Duration::from_millis(1));
    ask(&test).await;
    assert_eq!(
        (running.load(Ordering::Relaxed), errors(&test)),
        (0, Some(1.0))
    );
    let lost = log.with_message(LOST);
    assert_eq!(lost[0]["fields"]["error"], "no answer within 10 s");
    test.clock().advance(INTERVAL);
    ask(&test).await;
    assert_eq!(begun.load(Ordering::Relaxed), 2);
    assert_eq!(
        (running.load(Ordering::Relaxed), errors(&test)),
        (1, Some(1.0))
    );
}

/// One of those that are there, until it is dropped.
struct Counted(Arc<AtomicU64>);

impl Counted {
    fn new(count: Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_guard_that_is_dropped_ends_the_read_that_is_under_way() {
    let test = TestTelemetry::new();
    let running = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&running);
    let watched = test
        .telemetry()
        .watch_queue_async("orders", INTERVAL, move || {
            let count = Counted::new(Arc::clone(&count));
            async move {
                let _count = count;
                pending::<Result<QueueState, io::Error>>().await
            }
        });
    ask(&test).await;
    assert_eq!(running.load(Ordering::Relaxed), 1);
    drop(watched);
    tokio::task::yield_now().await;
    assert_eq!(running.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_panic_in_a_read_costs_its_figures_only() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let _made = telemetry.watch_queue_async("orders", INTERVAL, || -> std::future::Ready<_> {
        if true {
            panic!("while it is made");
        }
        std::future::ready(Ok::<_, io::Error>(QueueState::default()))
    });
    let _polled = telemetry.watch_pool_async("polled", INTERVAL, || async {
        if true {
            panic!("while it is polled");
        }
        Ok::<_, io::Error>(PoolState::default())
    });
    let _whole = telemetry.watch_pool_async("whole", INTERVAL, || async {
        Ok::<_, String>(PoolState {
            max: 4,
            ..PoolState::default()
        })
    });
    ask(&test).await;
    assert_eq!((depth(&test), errors(&test)), (None, Some(1.0)));
    let labels = [("sampler", "pool:polled")];
    let polled = test.value("vantage_telemetry_sampler_errors_total", &labels);
    assert_eq!(polled, Some(1.0));
    let max = |pool| {
        let labels = [("db_client_connection_pool_name", pool)];
        test.value("db_client_connection_max", &labels)
    };
    assert_eq!((max("whole"), max("polled")), (Some(4.0), None));
}

#[test]
fn a_queue_is_asked_without_a_runtime_too_and_a_runtime_that_ends_is_a_failure() {
    let test = TestTelemetry::new();
    let (asked, has_asked) = channel();
    let _elsewhere = test
        .telemetry()
        .watch_queue_async("orders", INTERVAL, move || {
            let asked = asked.clone();
            async move {
                // With timers.
                tokio::time::sleep(Duration::ZERO).await;
                asked.send(()).map_err(io::Error::other)?;
                Ok::<_, io::Error>(QueueState {
                    depth: 3,
                    oldest: None,
                })
            }
        });
    test.tick();
    has_asked.recv_timeout(Duration::from_secs(30)).unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while depth(&test) != Some(3.0) {
        assert!(Instant::now() < patience);
        test.tick();
    }

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        test.telemetry()
            .watch_queue_async("ended", INTERVAL, || async {
                Ok::<_, io::Error>(QueueState::default())
            })
    });
    drop(runtime);
    test.tick();
    test.tick();
    let labels = [("sampler", "queue:ended")];
    let errors = test.value("vantage_telemetry_sampler_errors_total", &labels);
    assert_eq!(errors, Some(1.0));
    drop(ended);
}
