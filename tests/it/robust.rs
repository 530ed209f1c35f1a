//! What goes wrong around the SDK costs its own figures only, and is counted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt as _;
use opentelemetry::KeyValue;
use tower::ServiceExt as _;
use vantage_obs::ExpositionFormat;
use vantage_obs::config::Environment;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, InitError, PoolState, Role, Telemetry};

use crate::support::{
    OBJECTIVES, config, events, into_ok, named, request, sample_with, samples, scrape,
    with_objectives,
};

/// The answer to `GET /metrics` with these headers.
async fn metrics(
    test: &TestTelemetry,
    method: &str,
    headers: &[(header::HeaderName, &str)],
) -> http::Response<Vec<u8>> {
    let mut asked = request(method, "/metrics");
    for (name, value) in headers {
        asked
            .headers_mut()
            .append(name, value.parse().expect("a header value"));
    }
    let routes: Router = test.telemetry().routes();
    let (head, body) = into_ok(routes.oneshot(asked).await).into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    http::Response::from_parts(head, body)
}

fn content_type(response: &http::Response<Vec<u8>>) -> &str {
    response.headers()[header::CONTENT_TYPE].to_str().unwrap()
}

/// Asks an address for a path, with a blocking socket and no runtime.
fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_failed_init_leaves_the_process_free_and_of_sixteen_threads_exactly_one_succeeds() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = config();
    busy.http.listen = Some(taken.local_addr().unwrap());
    let failed = vantage_obs::init(busy);
    assert!(matches!(failed, Err(InitError::Io(_))), "{failed:?}");
    let failed = vantage_obs::init(Config::new("", Role::Api));
    assert!(matches!(failed, Err(InitError::Config(_))), "{failed:?}");
    let together = Barrier::new(16);
    let results: Vec<_> = std::thread::scope(|scope| {
        let init = || {
            together.wait();
            vantage_obs::init(config())
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(init)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let refused = results
        .iter()
        .filter(|result| matches!(result, Err(InitError::AlreadyInitialized)));
    assert_eq!(refused.count(), 15, "{results:?}");
    let telemetry = results.into_iter().find_map(Result::ok).unwrap();
    // Outside a runtime, and with the global meter in the scrape.
    let global = opentelemetry::global::meter("library");
    global.u64_counter("library.calls").build().add(1, &[]);
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    let answer = fetch(address, "/metrics");
    assert!(answer.contains("\nlibrary_calls_total 1\n"), "{answer}");
    telemetry.shutdown_blocking().unwrap();
}

#[test]
fn routes_are_served_outside_a_runtime_until_shutdown() {
    let test = TestTelemetry::new();
    let address = test
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let answer = fetch(address, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("# TYPE vantage_api_active_connections gauge"));
    assert!(fetch(address, "/api/v1/health").ends_with(r#"{"status":"pass"}"#));
    assert!(fetch(address, "/other").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_hundred_thousand_kinds_of_job_are_a_hundred_series_and_one_and_the_rest_is_counted() {
    let mut config = config();
    config.metrics.cardinality_limit = 100;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let worker = test.telemetry().worker("w1");
    for job in 0..100_000 {
        let kind = format!("kind-{job}");
        worker
            .start(&kind, test.clock().wall(), &Carrier::EMPTY)
            .succeed();
    }
    let text = scrape(&test);
    for name in [
        "vantage_worker_jobs_total",
        "vantage_worker_job_duration_seconds_count",
        "vantage_worker_active_jobs",
        "vantage_worker_busy_time_seconds_total",
        "vantage_worker_queue_lag_seconds_count",
    ] {
        let series = named(&text, name);
        assert_eq!(series.len(), 101, "{name}");
        let overflow = series.iter().filter(|series| {
            series
                .labels
                .get("otel_metric_overflow")
                .map(String::as_str)
                == Some("true")
        });
        assert_eq!(overflow.count(), 1, "{name}");
    }
    let all: f64 = named(&text, "vantage_worker_jobs_total")
        .iter()
        .map(|series| series.value)
        .sum();
    assert!((all - 100_000.0).abs() < 0.5, "none is lost: {all}");
    let labels = [("instrument", "vantage.worker.jobs")];
    let name = "vantage_telemetry_series_overflow_total";
    assert_eq!(test.value(name, &labels), Some(99_900.0));
    let overflow = [("otel_metric_overflow", "true")];
    assert_eq!(
        test.value("vantage_worker_jobs_total", &overflow),
        Some(99_900.0)
    );
    assert_eq!(
        test.value("vantage_worker_active_jobs", &overflow),
        Some(0.0)
    );
}

#[test]
fn scrapes_at_the_same_time_are_each_whole_and_none_goes_back_in_time() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let labels = [("job_kind", "publish"), ("outcome", "succeeded")];
    worker
        .start("publish", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
    let scraper = || {
        let mut before = 0.0;
        for _ in 0..20 {
            let text = test
                .telemetry()
                .scrape(ExpositionFormat::OpenMetrics)
                .unwrap();
            assert!(text.ends_with("# EOF\n"));
            let jobs = sample_with(&text, "vantage_worker_jobs_total", &labels).unwrap();
            assert!(jobs >= before, "{jobs} after {before}");
            before = jobs;
        }
    };
    std::thread::scope(|scope| {
        let scrapers: Vec<_> = (0..4).map(|_| scope.spawn(scraper)).collect();
        while scrapers.iter().any(|thread| !thread.is_finished()) {
            worker
                .start("publish", test.clock().wall(), &Carrier::EMPTY)
                .succeed();
        }
    });
}

#[test]
fn a_pool_sampler_that_panics_costs_its_own_figures_only_and_is_counted() {
    let test = TestTelemetry::new();
    let _broken = test
        .telemetry()
        .watch_pool("broken", || panic!("this sampler panics"));
    let _whole = test.telemetry().watch_pool("whole", || PoolState {
        max: 10,
        ..PoolState::default()
    });
    for times in [1.0, 2.0] {
        test.tick();
        let max = |pool| {
            let labels = [("db_client_connection_pool_name", pool)];
            test.value("db_client_connection_max", &labels)
        };
        assert_eq!(max("whole"), Some(10.0));
        assert_eq!(max("broken"), None);
        let labels = [("sampler", "pool:broken")];
        let name = "vantage_telemetry_sampler_errors_total";
        assert_eq!(test.value(name, &labels), Some(times));
    }
}

#[test]
fn a_callback_that_panics_on_a_meter_of_ones_own_leaves_our_series_and_is_counted() {
    let test = TestTelemetry::new();
    test.telemetry()
        .worker("w1")
        .start("publish", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
    let meter = test.telemetry().meter("x");
    let _gauge = meter
        .u64_observable_gauge("x")
        .with_callback(|_| panic!("this callback panics"))
        .build();
    let labels = [("job_kind", "publish"), ("outcome", "succeeded")];
    for times in [1.0, 2.0] {
        let text = scrape(&test);
        assert!(!named(&text, "vantage_worker_jobs_total").is_empty());
        let errors = named(&text, "vantage_telemetry_scrape_errors_total");
        let counted: f64 = errors.iter().map(|sample| sample.value).sum();
        // A scrape tells what itself leaves out.
        assert!((counted - times).abs() < 0.5, "{counted} {times}");
        assert!(errors.iter().all(|sample| sample.labels["part"] == "meter"));
    }
    assert_eq!(test.value("vantage_worker_jobs_total", &labels), Some(1.0));
}

#[test]
fn a_meter_of_ones_own_is_scraped_beside_ours() {
    let test = TestTelemetry::new();
    let counter = test.telemetry().meter("x").u64_counter("x.calls").build();
    counter.add(2, &[]);
    assert_eq!(test.value("x_calls_total", &[]), Some(2.0));
}

#[test]
fn a_family_of_ones_own_registry_with_a_name_of_ours_is_left_out_and_counted() {
    let test = TestTelemetry::new();
    test.telemetry().business().record_posts_published(2);
    let registry = prometheus::Registry::new();
    for (name, value) in [
        ("vantage_business_posts_published_total", 77),
        ("own_total", 5),
    ] {
        let counter = prometheus::IntCounter::new(name, "a counter of one's own").unwrap();
        counter.inc_by(value);
        registry.register(Box::new(counter)).unwrap();
    }
    test.telemetry().merge_registry(registry);
    let text = scrape(&test);
    let posts = named(&text, "vantage_business_posts_published_total");
    assert_eq!(posts.len(), 1);
    assert!((posts[0].value - 2.0).abs() < f64::EPSILON);
    assert_eq!(test.value("own_total", &[]), Some(5.0));
    let labels = [("part", "registry")];
    let errors = test.value("vantage_telemetry_scrape_errors_total", &labels);
    assert_eq!(errors, Some(2.0), "one for each scrape before");
}

#[tokio::test]
async fn after_shutdown_a_scrape_is_unavailable_with_a_reason_and_health_still_answers() {
    let test = TestTelemetry::new();
    assert_eq!(metrics(&test, "GET", &[]).await.status(), StatusCode::OK);
    test.telemetry().shutdown_blocking().unwrap();
    test.telemetry().shutdown_blocking().unwrap();
    let answer = metrics(&test, "GET", &[]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let reason = String::from_utf8(answer.into_body()).unwrap();
    assert!(reason.to_lowercase().contains("shut"), "{reason:?}");
    assert_eq!(test.telemetry().scrape(ExpositionFormat::Text), None);
    for (path, status) in [
        ("/api/v1/health/live", StatusCode::OK),
        ("/api/v1/health", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let routes: Router = test.telemetry().routes();
        let health = into_ok(routes.oneshot(request("GET", path)).await);
        assert_eq!(health.status(), status, "{path}");
    }
    // Recording goes on without harm.
    test.telemetry()
        .worker("w1")
        .start("publish", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_text() {
    let test = TestTelemetry::new();
    let answer = metrics(&test, "HEAD", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(content_type(&answer), ExpositionFormat::Text.content_type());
    assert!(answer.body().is_empty());
}

#[tokio::test]
async fn a_scrape_is_compressed_for_those_who_ask_and_for_no_one_else() {
    let test = TestTelemetry::new();
    let answer = metrics(&test, "GET", &[(header::ACCEPT_ENCODING, "gzip, deflate")]).await;
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body()[..])
        .read_to_string(&mut text)
        .unwrap();
    assert!(!samples(&text).is_empty());
    for refused in [&[][..], &[(header::ACCEPT_ENCODING, "gzip;q=0, br")][..]] {
        let answer = metrics(&test, "GET", refused).await;
        assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
        let vary = answer.headers()[header::VARY].to_str().unwrap();
        assert!(vary.contains("accept-encoding"), "caches keep both apart");
        assert!(answer.body().starts_with(b"# HELP "));
    }
}

#[tokio::test]
async fn the_format_is_the_one_that_was_asked_for() {
    let test = TestTelemetry::new();
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let plain = "text/plain; version=0.0.4; charset=utf-8";
    for (accept, expected) in [
        (&[][..], plain),
        (&["*/*"][..], plain),
        (&["text/plain"][..], plain),
        (&["application/openmetrics-text"][..], open_metrics),
        // The same header in two lines.
        (
            &[
                "text/plain;q=0.5",
                "application/openmetrics-text;version=1.0.0",
            ][..],
            open_metrics,
        ),
        (&["image/png"][..], plain),
    ] {
        let headers: Vec<_> = accept.iter().map(|line| (header::ACCEPT, *line)).collect();
        let answer = metrics(&test, "GET", &headers).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(content_type(&answer), expected, "{accept:?}");
        let ends = answer.body().ends_with(b"# EOF\n");
        assert_eq!(ends, expected == open_metrics, "{accept:?}");
    }
}

#[tokio::test]
async fn a_connection_is_counted_while_it_is_open_and_keeps_its_peer_address() {
    let test = TestTelemetry::new();
    let app = Router::new().route(
        "/peer",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    );
    let make = app.into_make_service_with_connect_info::<SocketAddr>();
    let counted = test.telemetry().count_connections(make);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, counted).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(async { server.await });
    let open = || test.value("vantage_api_active_connections", &[]);
    assert_eq!(open(), Some(0.0));
    let (stream, answer) = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /peer HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
        let mut answer = vec![0; 1024];
        let mut read = 0;
        let own = stream.local_addr().unwrap().to_string();
        while !String::from_utf8_lossy(&answer[..read]).ends_with(&own) {
            let more = stream.read(&mut answer[read..]).unwrap();
            assert!(more > 0, "{}", String::from_utf8_lossy(&answer[..read]));
            read += more;
        }
        (
            stream,
            String::from_utf8_lossy(&answer[..read]).into_owned(),
        )
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(open(), Some(1.0));
    drop(stream);
    // A graceful end waits until every connection is gone, and so needs no patience of ours.
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(open(), Some(0.0));
}

#[test]
fn an_instrument_of_ones_own_meter_that_overflows_is_named_and_its_measurements_counted() {
    let mut config = config();
    config.metrics.cardinality_limit = 10;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let meter = test.telemetry().meter("library");
    let calls = meter.u64_counter("library.calls").build();
    let sizes = meter.f64_histogram("library.sizes").build();
    let record = |measurements: u64| {
        for user in 0..measurements {
            let labels = [KeyValue::new("user", user.to_string())];
            calls.add(5, &labels);
            sizes.record(1.0, &labels);
        }
    };
    // What a scrape finds is in the next one's figures.
    let overflowed = |instrument: &str| {
        let _ = scrape(&test);
        let name = "vantage_telemetry_series_overflow_total";
        test.value(name, &[("instrument", instrument)])
    };
    record(5);
    assert_eq!(overflowed("library.sizes"), None, "there is room");
    record(100);
    let in_overflow = named(&scrape(&test), "library_sizes_count")
        .iter()
        .find(|series| series.labels.contains_key("otel_metric_overflow"))
        .map(|series| series.value);
    assert!(
        in_overflow.is_some_and(|count| count > 80.0),
        "{in_overflow:?}"
    );
    assert_eq!(overflowed("library.sizes"), in_overflow, "each is counted");
    assert_eq!(overflowed("library.sizes"), in_overflow, "and only once");
    assert_eq!(overflowed("library.calls"), Some(1.0), "at least one");
    record(100);
    let _ = scrape(&test);
    assert!(overflowed("library.sizes") > in_overflow);
    assert_eq!(overflowed("library.calls"), Some(2.0), "it goes on");
}

#[tokio::test]
async fn disabled_telemetry_records_nothing_has_no_scrape_and_answers_health() {
    let mut config = config();
    config.disabled = true;
    let test = TestTelemetry::with_config(config, &OBJECTIVES).unwrap();
    let telemetry = test.telemetry();
    let app = Router::new()
        .route("/posts", get(|| async { "a post" }))
        .layer(telemetry.http_layer())
        .merge(telemetry.routes());
    let answer = into_ok(app.clone().oneshot(request("GET", "/posts")).await);
    assert_eq!(answer.status(), StatusCode::OK, "the service works");
    let worker = telemetry.worker("w1");
    worker
        .start("publish", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
    let scheduler = telemetry.scheduler();
    scheduler.start("nightly", test.clock().wall()).fail("late");
    telemetry
        .database("sqlite")
        .query("SELECT", "posts")
        .succeed();
    telemetry.business().record_posts_published(1);
    telemetry
        .meter("x")
        .u64_counter("x.calls")
        .build()
        .add(1, &[]);
    let _watch = telemetry.watch_pool("main", PoolState::default);
    test.tick();
    assert_eq!(telemetry.scrape(ExpositionFormat::Text), None);
    assert_eq!(telemetry.registry().gather(), []);
    assert_eq!(telemetry.slo_events().count(), 0);
    let status = |path| {
        let app = app.clone();
        async move { into_ok(app.oneshot(request("GET", path)).await).status() }
    };
    assert_eq!(status("/metrics").await, StatusCode::NOT_FOUND);
    assert_eq!(status("/api/v1/health").await, StatusCode::OK);
    telemetry.shutdown_blocking().unwrap();
}

#[test]
fn http_listen_is_served_until_the_end_and_disabled_telemetry_answers_health_there_too() {
    for disabled in [false, true] {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut config = config();
        config.disabled = disabled;
        config.http.listen = Some(address);
        let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
        let health = fetch(address, "/api/v1/health");
        assert!(health.ends_with(r#"{"status":"pass"}"#), "{health}");
        let scrape = fetch(address, "/metrics");
        let expected = if disabled { "404" } else { "200" };
        assert!(
            scrape.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{scrape}"
        );
        telemetry.shutdown_blocking().unwrap();
    }
}

#[test]
fn a_strangers_path_on_the_scrapes_own_port_is_no_request_of_the_api() {
    let test = with_objectives();
    let address = "127.0.0.1:0".parse().unwrap();
    let address = test.telemetry().serve(address).unwrap();
    assert!(fetch(address, "/wp-admin").starts_with("HTTP/1.1 404 "));
    assert!(named(&scrape(&test), "vantage_api_requests_total").is_empty());
    assert_eq!(events(&test, "api.error_rate"), (0, 0));
}
