//! Exemplars: which buckets lead to which traces, and where they are shown.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use opentelemetry::KeyValue;
use tower::ServiceExt as _;
use vantage_obs::ExpositionFormat;
use vantage_obs::testing::{RecordedSpan, TestTelemetry};
use vantage_obs::trace::Carrier;

use crate::support::{config, into_ok, request};

/// Its threshold is none of the catalog's bounds.
const OBJECTIVE: (&str, &str) = (
    "workers.json",
    r#"{"workers": {"processing_time": {"target": 95, "threshold": 45, "window": "30d"}}}"#,
);

/// The test clock's first moment, as an exemplar says it.
const START: &str = "1800000000.000";

/// Telemetry that keeps this share of the traces that begin here.
fn with_sample_ratio(ratio: f64) -> TestTelemetry {
    let mut config = config();
    config.traces.sample_ratio = ratio;
    config.metrics.cardinality_limit = 10;
    TestTelemetry::with_config(config, &[OBJECTIVE]).unwrap()
}

fn open_metrics(test: &TestTelemetry) -> String {
    test.telemetry()
        .scrape(ExpositionFormat::OpenMetrics)
        .unwrap()
}

/// The exemplars of a scrape, each after its line's series and value.
fn exemplars(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" # "))
        .collect()
}

fn ids(span: &RecordedSpan) -> String {
    let (trace, span) = (&span.trace_id, &span.span_id);
    format!("{{trace_id=\"{trace}\",span_id=\"{span}\"}}")
}

/// A job that takes so long, and the labels of its exemplar.
fn job(test: &TestTelemetry, takes: Duration) -> String {
    let job = test
        .telemetry()
        .worker("w")
        .start("mail", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(takes);
    job.succeed();
    ids(test.spans().last().unwrap())
}

fn job_bucket(le: &str, count: u64) -> String {
    let labels = format!("job_kind=\"mail\",outcome=\"succeeded\",le=\"{le}\"");
    format!("vantage_worker_job_duration_seconds_bucket{{{labels}}} {count}")
}

fn job_exemplars(text: &str) -> Vec<(String, String)> {
    let jobs = exemplars(text).into_iter();
    let jobs = jobs.filter(|(line, _)| line.starts_with("vantage_worker_job_duration"));
    jobs.map(|(line, exemplar)| (line.to_owned(), exemplar.to_owned()))
        .collect()
}

#[test]
fn a_bucket_shows_its_latest_trace_with_value_and_time() {
    let test = with_sample_ratio(1.0);
    let hour = test
        .telemetry()
        .worker("w")
        .start("mail", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(Duration::from_millis(3_504_500));
    let earlier = job(&test, Duration::from_millis(500));
    let latest = job(&test, Duration::from_millis(500));
    // A bound belongs to its bucket, and the objective's threshold is one.
    let at_threshold = job(&test, Duration::from_secs(45));
    let above = job(&test, Duration::from_millis(45_001));
    test.clock().advance(Duration::from_millis(5_499));
    hour.succeed();
    let hour = ids(test.spans().last().unwrap());
    assert_ne!(earlier, latest);
    assert_eq!(
        job_exemplars(&open_metrics(&test)),
        [
            (job_bucket("0.5", 2), format!("{latest} 0.5 1800003505.500")),
            (
                job_bucket("45.0", 3),
                format!("{at_threshold} 45 1800003550.500")
            ),
            (
                job_bucket("60.0", 4),
                format!("{above} 45.001 1800003595.501")
            ),
            (job_bucket("+Inf", 5), format!("{hour} 3601 1800003601.000")),
        ]
    );
}

#[test]
fn an_exemplar_is_shown_for_an_hour() {
    let test = with_sample_ratio(1.0);
    let ids = job(&test, Duration::from_secs(1));
    let shown = [(job_bucket("1.0", 1), format!("{ids} 1 1800000001.000"))];
    test.clock().advance(Duration::from_secs(3600));
    assert_eq!(job_exemplars(&open_metrics(&test)), shown);
    test.clock().advance(Duration::from_millis(1));
    assert_eq!(job_exemplars(&open_metrics(&test)), []);
    let later = job(&test, Duration::from_secs(1));
    let shown = job_exemplars(&open_metrics(&test));
    assert_eq!(shown.len(), 1, "the place is there again");
    assert!(shown[0].1.starts_with(&later), "{shown:?}");
}

#[tokio::test]
async fn every_histogram_of_a_span_has_exemplars() {
    let test = with_sample_ratio(1.0);
    let telemetry = test.telemetry();
    let app = Router::new()
        .route("/posts/{id}", get(|| async { "a post" }))
        .layer(telemetry.http_layer());
    let response = into_ok(app.oneshot(request("GET", "/posts/7")).await);
    axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    let scheduled_for = test.clock().wall();
    let execution = telemetry.scheduler().start("nightly", scheduled_for);
    execution.succeed();
    telemetry
        .database("sqlite")
        .query("SELECT", "posts")
        .succeed();
    job(&test, Duration::ZERO);

    let spans = test.spans();
    let of = |name: &str| ids(spans.iter().find(|span| span.name == name).unwrap());
    let text = open_metrics(&test);
    let expected = [
        (
            r#"db_client_operation_duration_seconds_bucket{db_collection_name="posts",db_operation_name="SELECT",db_system_name="sqlite",le="0.001"} 1"#,
            of("SELECT posts"),
        ),
        (
            r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/posts/{id}",url_scheme="http",le="0.005"} 1"#,
            of("GET /posts/{id}"),
        ),
        (
            r#"vantage_scheduler_execution_duration_seconds_bucket{outcome="succeeded",schedule="nightly",le="0.01"} 1"#,
            of("nightly"),
        ),
        (
            r#"vantage_scheduler_execution_lag_seconds_bucket{schedule="nightly",le="0.01"} 1"#,
            of("nightly"),
        ),
        (
            r#"vantage_worker_job_duration_seconds_bucket{job_kind="mail",outcome="succeeded",le="0.01"} 1"#,
            of("mail"),
        ),
        (
            r#"vantage_worker_queue_lag_seconds_bucket{job_kind="mail",le="0.01"} 1"#,
            of("mail"),
        ),
    ];
    let expected = expected.map(|(line, ids)| (line, format!("{ids} 0 {START}")));
    let shown = exemplars(&text).into_iter();
    let shown: Vec<_> = shown
        .map(|(line, exemplar)| (line, exemplar.to_owned()))
        .collect();
    assert_eq!(shown, expected);
    for (_, exemplar) in shown {
        let labels = exemplar.split_once('}').unwrap().0;
        assert!(labels.len() <= 128, "{labels}");
    }
}

#[test]
fn plain_text_and_traces_that_are_not_kept_have_none() {
    let kept = with_sample_ratio(1.0);
    job(&kept, Duration::from_secs(1));
    let plain = kept.telemetry().scrape(ExpositionFormat::Text).unwrap();
    assert_eq!(exemplars(&plain), []);
    assert!(plain.contains(&job_bucket("1.0", 1)));
    assert_eq!(
        job_exemplars(&open_metrics(&kept)).len(),
        1,
        "and are not lost by that"
    );

    let dropped = with_sample_ratio(0.0);
    let worker = dropped.telemetry().worker("w");
    worker
        .start("mail", dropped.clock().wall(), &Carrier::EMPTY)
        .succeed();
    assert_eq!(exemplars(&open_metrics(&dropped)), []);
}

#[test]
fn overflow_series_and_the_services_own_meter_have_none() {
    let test = with_sample_ratio(1.0);
    let database = test.telemetry().database("sqlite");
    for number in 0..20 {
        database.query("SELECT", &format!("t{number}")).succeed();
    }
    // Named and labelled as one of ours that nobody has recorded in.
    let own = test.telemetry().meter("own");
    let execution = own.f64_histogram("vantage.scheduler.execution.lag");
    execution
        .with_unit("s")
        .build()
        .record(0.0, &[KeyValue::new("schedule", "own")]);
    let text = open_metrics(&test);
    assert!(
        text.contains(r#"_bucket{otel_metric_overflow="true",le="0.001"} 10"#),
        "{text}"
    );
    let shown = exemplars(&text);
    assert_eq!(shown.len(), 10, "{shown:#?}");
    assert!(
        shown
            .iter()
            .all(|(line, _)| line.contains("db_collection_name"))
    );
}

#[test]
fn threads_that_meet_never_mix_their_exemplars() {
    const THREADS: u64 = 8;
    let test = with_sample_ratio(1.0);
    let done = AtomicU64::new(0);
    let mut scrapes = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (test, done) = (&test, &done);
            scope.spawn(move || {
                late_jobs(test, thread);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        while done.load(Ordering::SeqCst) < THREADS {
            scrapes.push(open_metrics(&test));
        }
    });
    scrapes.push(open_metrics(&test));
    let known: HashSet<String> = test.spans().iter().map(ids).collect();
    let mut seen = HashSet::new();
    for text in &scrapes {
        for (line, exemplar) in exemplars(text) {
            if line.starts_with("vantage_worker_queue_lag_seconds_bucket") {
                check(line, exemplar, &known);
                seen.insert(exemplar);
            }
        }
    }
    assert!(
        seen.len() >= 4,
        "a bucket each has one in the end: {seen:#?}"
    );
}

/// An exemplar's trace tells the value that it was recorded with.
fn check(line: &str, exemplar: &str, known: &HashSet<String>) {
    let words: Vec<_> = exemplar.split(' ').collect();
    let [ids, value, at] = words[..] else {
        panic!("{exemplar}")
    };
    assert!(known.contains(ids), "{ids} are of two spans");
    assert_eq!(at, START);
    let trace = ids.split('"').nth(1).unwrap();
    let micros = u64::from_str_radix(&trace[16..], 16).unwrap();
    let expected = Duration::from_micros(micros).as_secs_f64();
    let value: f64 = value.parse().unwrap();
    assert!((value - expected).abs() < 1e-9, "{exemplar}");
    let le = line.rsplit_once("le=\"").unwrap().1;
    let le: f64 = le.split_once('"').unwrap().0.parse().unwrap();
    assert!(value <= le, "{line}: {exemplar}");
}

/// Jobs of one kind, so that all threads record in one series; each is in a trace that is named
/// after its lag.
fn late_jobs(test: &TestTelemetry, thread: u64) {
    let worker = test.telemetry().worker("w");
    for number in 1..=1_000 {
        let micros = number * 9_973 % 4_000_000;
        let parent = format!("00-{:016x}{micros:016x}-{number:016x}-01", thread + 1);
        let carrier = serde_json::json!({"traceparent": parent});
        let carrier: Carrier = serde_json::from_value(carrier).unwrap();
        let due = test.clock().wall() - Duration::from_micros(micros);
        worker.start("mail", due, &carrier).succeed();
    }
}
