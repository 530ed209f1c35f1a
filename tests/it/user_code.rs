//! Functions of the service's that block or call back cost their own figures only, and are counted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tower::ServiceExt as _;
use vantage_obs::ExpositionFormat;
use vantage_obs::QueueState;
use vantage_obs::health::Finding;
use vantage_obs::testing::TestTelemetry;

use crate::support::{CapturedLog, config, into_ok, named, request, sample_with, scrape};

const LEFT_OUT: &str = "a function of the service's is left out until it works again; told once";
const HANGING: &str = "vantage_telemetry_callbacks_hanging";
const ERRORS: &str = "vantage_telemetry_scrape_errors_total";

/// A function that blocks until the sender is dropped.
fn blocking() -> (impl Fn() + Clone + Send + Sync + 'static, Sender<()>) {
    let (release, hanging) = channel::<()>();
    let hanging = Arc::new(Mutex::new(hanging));
    let block = move || {
        let _ = hanging.lock().map(|hanging| hanging.recv());
    };
    (block, release)
}

/// Waits for what threads of the service's own do.
fn until(done: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < patience);
        std::thread::yield_now();
    }
}

fn hanging(test: &TestTelemetry, kind: &str) -> Option<f64> {
    test.value(HANGING, &[("callback_kind", kind)])
}

/// The text of a scrape over a socket, by a scraper with a time limit of a second.
fn scrape_over(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    let head = "GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
                x-prometheus-scrape-timeout-seconds: 1\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();
    text.to_owned()
}

fn serve(test: &TestTelemetry) -> SocketAddr {
    let any = "127.0.0.1:0".parse().unwrap();
    test.telemetry().serve(any).unwrap()
}

#[test]
fn a_metric_callback_that_hangs_leaves_the_rest_of_the_scrape() {
    let test = TestTelemetry::new();
    let meter = test.telemetry().meter("shop");
    let (block, release) = blocking();
    meter
        .u64_observable_gauge("shop.stuck")
        .with_callback(move |observer| {
            block();
            observer.observe(1, &[]);
        })
        .build();
    let whole =
        |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| observer.observe(2.5, &[]);
    meter
        .f64_observable_gauge("shop.whole")
        .with_callback(whole)
        .build();
    meter.u64_counter("shop.orders").build().add(3, &[]);
    let address = serve(&test);
    for scrapes in 1..=3 {
        let text = scrape_over(address);
        for line in [
            "shop_whole 2.5",
            "shop_orders_total 3",
            "vantage_api_active_connections 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(!text.contains("shop_stuck"), "{text}");
        // A scrape tells what itself leaves out.
        let counted = sample_with(&text, ERRORS, &[("part", "meter")]);
        assert_eq!(counted, Some(f64::from(scrapes)));
    }
    assert_eq!(hanging(&test, "metric"), Some(1.0));
    drop(release);
    until(|| hanging(&test, "metric") == Some(0.0));
    assert_eq!(test.value("shop_stuck", &[]), Some(1.0));
}

#[test]
fn a_scrape_with_nothing_to_say_names_what_hangs() {
    let test = TestTelemetry::new();
    let (block, _release) = blocking();
    test.telemetry()
        .meter("shop")
        .u64_observable_gauge("shop.stuck")
        .with_callback(move |_| block())
        .build();
    // It hangs from here on.
    scrape_over(serve(&test));
    let routes: axum::Router = test.telemetry().routes();
    test.telemetry().shutdown_blocking().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let response = into_ok(routes.oneshot(request("GET", "/metrics")).await);
        assert_eq!(response.status(), 503);
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&text).unwrap();
        let name = "without a result: instrument shop.stuck of the meter shop\n";
        assert!(text.ends_with(name), "{text}");
    });
}

#[test]
fn a_callback_and_a_collector_find_a_runtime_in_a_scrape_over_a_socket() {
    let test = TestTelemetry::new();
    test.telemetry()
        .meter("shop")
        .u64_observable_gauge("shop.size")
        .with_callback(|observer| {
            let _entered = tokio::runtime::Handle::current();
            observer.observe(7, &[]);
        })
        .build();
    let desc = Desc::new("x".into(), "x".into(), Vec::new(), Default::default()).unwrap();
    let registry = prometheus::Registry::new();
    let find = || drop(tokio::runtime::Handle::current());
    registry.register(Box::new(Blocks(find, desc))).unwrap();
    test.telemetry().merge_registry(registry);
    let text = scrape_over(serve(&test));
    assert_eq!(sample_with(&text, "shop_size", &[]), Some(7.0), "{text}");
    assert!(named(&text, ERRORS).is_empty(), "{text}");
}

/// A collector that blocks when it is asked.
struct Blocks<F>(F, Desc);

impl<F: Fn() + Send + Sync> Collector for Blocks<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.1]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.0)();
        Vec::new()
    }
}

#[test]
fn a_collector_that_hangs_leaves_the_other_registries() {
    let test = TestTelemetry::new();
    let (block, release) = blocking();
    let desc = Desc::new("x".into(), "x".into(), Vec::new(), Default::default()).unwrap();
    let [stuck, whole] = [(); 2].map(|()| prometheus::Registry::new());
    stuck.register(Box::new(Blocks(block, desc))).unwrap();
    let [lost, kept] = ["lost_total", "kept_total"]
        .map(|name| Box::new(prometheus::IntCounter::new(name, "a counter of one's own").unwrap()));
    stuck.register(lost).unwrap();
    whole.register(kept).unwrap();
    test.telemetry().merge_registry(stuck);
    test.telemetry().merge_registry(whole);
    let address = serve(&test);
    for _ in 0..2 {
        let text = scrape_over(address);
        assert!(text.contains("\nkept_total 0\n"), "{text}");
        assert!(named(&text, "lost_total").is_empty(), "{text}");
    }
    assert_eq!(test.value(ERRORS, &[("part", "registry")]), Some(3.0));
    drop(release);
    until(|| hanging(&test, "metric") == Some(0.0));
    assert_eq!(test.value("lost_total", &[]), Some(0.0));
}

#[test]
fn a_metric_callback_that_scrapes_is_answered() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry().clone();
    test.telemetry()
        .meter("x")
        .u64_observable_gauge("x.size")
        .with_callback(move |observer| {
            let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
            assert!(text.contains("vantage_api_active_connections"));
            observer.observe(7, &[]);
        })
        .build();
    assert_eq!(test.value("x_size", &[]), Some(7.0));
    assert_eq!(test.value(ERRORS, &[("part", "meter")]), None);
}

#[test]
fn a_metric_callback_that_scrapes_over_a_socket_ends_the_scrape_of_others_in_time() {
    let test = TestTelemetry::new();
    let address = serve(&test);
    let (answered, answers) = channel();
    test.telemetry()
        .meter("x")
        .u64_observable_gauge("x.size")
        .with_callback(move |_| {
            let _ = answered.send(scrape_over(address).len());
        })
        .build();
    for _ in 0..2 {
        let text = scrape_over(address);
        assert!(
            text.contains("\nvantage_api_active_connections 0\n"),
            "{text}"
        );
        assert!(answers.recv_timeout(Duration::from_secs(30)).unwrap() > 1000);
    }
}

#[test]
fn a_callback_that_panics_or_observes_without_end_is_named_once_and_leaves_the_others() {
    let test = TestTelemetry::new();
    let meter = test.telemetry().meter("shop");
    let broken = |_: &dyn opentelemetry::metrics::AsyncInstrument<u64>| panic!("it panics");
    meter
        .u64_observable_gauge("shop.broken")
        .with_callback(broken)
        .build();
    meter
        .u64_observable_counter("shop.endless")
        .with_callback(|observer| (0..100_001).for_each(|value| observer.observe(value, &[])))
        .build();
    meter
        .i64_observable_up_down_counter("shop.whole")
        .with_callback(|observer| observer.observe(-1, &[]))
        .build();
    let log = CapturedLog::default();
    let _guard = log.install(&test);
    for _ in 0..3 {
        let text = scrape(&test);
        assert_eq!(sample_with(&text, "shop_whole", &[]), Some(-1.0));
        assert!(named(&text, "shop_endless_total").is_empty());
    }
    let lines = log.with_message(LEFT_OUT);
    let fields = |index: usize, name: &str| lines[index]["fields"][name].clone();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        fields(0, "function"),
        "instrument shop.broken of the meter shop"
    );
    assert_eq!(fields(0, "failure"), "it panicked");
    assert_eq!(
        fields(1, "function"),
        "instrument shop.endless of the meter shop"
    );
    assert_eq!(fields(1, "failure"), "it returned too many values");
    assert_eq!(test.value(ERRORS, &[("part", "meter")]), Some(8.0));
}

#[test]
fn a_sampler_that_hangs_leaves_the_others() {
    let test = TestTelemetry::new();
    let (block, release) = blocking();
    let _stuck = test.telemetry().watch_queue("stuck", move || {
        block();
        QueueState::default()
    });
    let _whole = test.telemetry().watch_queue("whole", || QueueState {
        depth: 4,
        ..QueueState::default()
    });
    let depth = |queue| test.value("vantage_worker_queue_depth", &[("queue", queue)]);
    for times in [1.0, 2.0] {
        test.tick();
        assert_eq!((depth("whole"), depth("stuck")), (Some(4.0), None));
        let name = "vantage_telemetry_sampler_errors_total";
        let labels = [("sampler", "queue:stuck")];
        assert_eq!(test.value(name, &labels), Some(times));
    }
    assert_eq!(hanging(&test, "sampler"), Some(1.0));
    drop(release);
    until(|| hanging(&test, "sampler") == Some(0.0));
    test.tick();
    assert_eq!(depth("stuck"), Some(0.0));
}

/// Checks without damping.
fn exact_checks() -> TestTelemetry {
    let mut config = config();
    config.health.jitter = 0.0;
    config.health.fail_after = 1;
    config.health.recover_after = 1;
    TestTelemetry::with_config(config, &[]).unwrap()
}

/// Returns whether a check is shown with this status.
fn is_shown(test: &TestTelemetry, check: &str, status: &str) -> bool {
    let labels = [
        ("check", check),
        ("criticality", "degrading"),
        ("scope", "local"),
        ("status", status),
    ];
    sample_with(&scrape(test), "vantage_health_check_status", &labels) == Some(1.0)
}

#[test]
fn a_future_that_blocks_on_our_own_runtime_leaves_the_other_checks() {
    let test = exact_checks();
    let (block, release) = blocking();
    let times = Arc::new(AtomicUsize::new(0));
    // Registered where there is no runtime.
    test.telemetry().health_check("stuck").run(move || {
        let block = block.clone();
        async move {
            block();
            Finding::pass()
        }
    });
    let counted = Arc::clone(&times);
    test.telemetry().health_check("whole").run(move || {
        let counted = Arc::clone(&counted);
        async move {
            // Its timer is driven although the other one blocks.
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted.fetch_add(1, Ordering::SeqCst);
            Finding::pass()
        }
    });
    for runs in 1..=3 {
        test.tick();
        until(|| times.load(Ordering::SeqCst) == runs);
        until(|| {
            test.tick();
            is_shown(&test, "whole", "pass")
        });
        test.clock().advance(Duration::from_secs(10));
    }
    assert!(is_shown(&test, "stuck", "fail"));
    assert_eq!(hanging(&test, "check"), Some(1.0));
    drop(release);
    until(|| hanging(&test, "check") == Some(0.0));
}

#[test]
fn runs_that_hang_are_bounded_also_where_their_checks_are_removed() {
    let test = exact_checks();
    let (block, release) = blocking();
    let begun = Arc::new(AtomicUsize::new(0));
    let register = |id: &str| {
        let (block, begun) = (block.clone(), Arc::clone(&begun));
        test.telemetry().health_check(id).run_blocking(move || {
            begun.fetch_add(1, Ordering::SeqCst);
            block();
            Finding::pass()
        })
    };
    for number in 1..=64 {
        let check = register("again");
        test.tick();
        until(|| begun.load(Ordering::SeqCst) == number);
        check.remove();
    }
    assert_eq!(hanging(&test, "check"), Some(64.0));
    register("refused");
    test.tick();
    assert!(is_shown(&test, "refused", "fail"));
    assert_eq!(begun.load(Ordering::SeqCst), 64);
    drop(release);
    until(|| hanging(&test, "check") == Some(0.0));
    test.clock().advance(Duration::from_secs(10));
    until(|| {
        test.tick();
        is_shown(&test, "refused", "pass")
    });
}

/// A value that blocks when it is formatted, after it said that it begins to.
struct BlocksInDebug<F>(F, Sender<()>);

impl<F: Fn()> std::fmt::Debug for BlocksInDebug<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = self.1.send(());
        (self.0)();
        f.write_str("formatted")
    }
}

#[test]
fn a_value_that_blocks_while_it_is_formatted_holds_up_its_own_thread_only() {
    use tracing_subscriber::layer::SubscriberExt as _;
    type Value<'a> = &'a (dyn std::fmt::Debug + Sync);
    let test = TestTelemetry::new();
    let log = CapturedLog::default();
    // As a second subscriber, so that call sites which another thread has met are asked about anew.
    let _guard = log.install(&test);
    let layer = test.telemetry().tracing_layer(log.writer());
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let span = tracing::dispatcher::with_default(&dispatch, || {
        tracing::info_span!("shared", value = tracing::field::Empty)
    });
    let ways: [fn(&tracing::Span, Value<'_>); 3] = [
        |_, value| tracing::warn!(?value, "with a value"),
        |span, value| {
            span.record("value", tracing::field::debug(value));
        },
        |_, value| drop(tracing::info_span!("child", ?value)),
    ];
    for (number, way) in ways.iter().enumerate() {
        let (block, release) = blocking();
        let (begun, began) = channel();
        let value = BlocksInDebug(block, begun);
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || {
                    span.in_scope(|| way(&span, &value));
                });
            });
            began.recv_timeout(Duration::from_secs(30)).unwrap();
            let (done, other) = channel();
            let (dispatch, span) = (&dispatch, &span);
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    span.in_scope(|| tracing::warn!(number, "beside it"));
                    span.record("value", 7);
                    drop(tracing::info_span!(parent: span, "another").entered());
                });
                let _ = done.send(());
            });
            let beside = other.recv_timeout(Duration::from_secs(30));
            assert!(!blocked.is_finished());
            drop(release);
            assert_eq!(beside, Ok(()), "{number}");
        });
        assert_eq!(log.with_message("beside it").len(), number + 1);
        assert!(scrape(&test).contains("vantage_api_active_connections"));
    }
    assert_eq!(
        log.with_message("with a value")[0]["fields"]["value"],
        "formatted"
    );
}
