//! The test kit: what it finds, what it says where it finds nothing, and which lines reach it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Router;
use axum::routing::get;
use tower::ServiceExt as _;
use vantage_obs::config::LogLevel;
use vantage_obs::figure::Figure;
use vantage_obs::health::{Finding, HealthStatus};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use crate::support::{config, into_ok, request, with_objectives};

/// The message of a failure.
fn failure(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("it is to fail");
    *panic.downcast::<String>().expect("a text")
}

fn job(test: &TestTelemetry, kind: &'static str) {
    let worker = test.telemetry().worker("w");
    worker
        .start(kind, test.clock().wall(), &Carrier::EMPTY)
        .succeed();
}

const JOBS: &str = "vantage_worker_jobs_total";

#[test]
fn a_series_is_found_by_some_of_its_labels() {
    let test = TestTelemetry::new();
    job(&test, "mail");
    assert_eq!(test.value(JOBS, &[]), Some(1.0));
    assert_eq!(test.value(JOBS, &[("job_kind", "mail")]), Some(1.0));
    assert_eq!(test.value(JOBS, &[("job_kind", "mai")]), None);
    job(&test, "digest");
    assert_eq!(test.value(JOBS, &[("job_kind", "mail")]), Some(1.0));
    assert_eq!(test.sum(JOBS, &[("outcome", "succeeded")]), Some(2.0));
    assert_eq!(test.sum(JOBS, &[("outcome", "failed")]), None);
    test.assert_sum(JOBS, &[], 2.0);
    test.assert_value(JOBS, &[("job_kind", "digest")], 1.0);
    let said = failure(|| {
        let _ = test.value(JOBS, &[("outcome", "succeeded")]);
    });
    let expected = "2 series have vantage_worker_jobs_total{outcome=\"succeeded\"}; name more of their labels, or ask for their sum:
  vantage_worker_jobs_total{job_kind=\"digest\",outcome=\"succeeded\"} 1
  vantage_worker_jobs_total{job_kind=\"mail\",outcome=\"succeeded\"} 1";
    assert_eq!(said, expected);
}

#[test]
fn a_failure_says_the_value_the_nearest_series_and_the_nearest_name() {
    let test = TestTelemetry::new();
    job(&test, "mail");
    let series = r#"vantage_worker_jobs_total{job_kind="mail",outcome="succeeded"} 1"#;
    for (name, label, value, expected) in [
        (JOBS, ("job_kind", "mail"), 2.0, format!("expected 2, found 1:\n  {series}")),
        (
            JOBS,
            ("job_kind", "mails"),
            1.0,
            format!("no series vantage_worker_jobs_total{{job_kind=\"mails\"}}; of this name there are, the nearest first:\n  {series}"),
        ),
        (
            "vantage_worker_job_total",
            ("job_kind", "mail"),
            1.0,
            "no series vantage_worker_job_total{job_kind=\"mail\"}: no metric has this name; did you mean vantage_worker_jobs_total?".to_owned(),
        ),
        (
            "vantage.worker.jobs",
            ("job_kind", "mail"),
            1.0,
            "no series vantage.worker.jobs{job_kind=\"mail\"}: no metric has this name; did you mean vantage_worker_jobs_total?".to_owned(),
        ),
    ] {
        let said = failure(|| test.assert_value(name, &[label], value));
        assert_eq!(said, expected);
        let said = failure(|| test.assert_sum(name, &[label], value));
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn a_request_its_spans_and_its_lines_belong_together() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry().clone();
    let handler = move || async move {
        let parts = tracing::info_span!("load", id = 7);
        parts.in_scope(|| {
            telemetry
                .database("sqlite")
                .query("SELECT", "posts")
                .succeed();
        });
        tracing::info!(id = 7, title = "a\nb", "found");
        "a post"
    };
    let app = test
        .telemetry()
        .mount(Router::new().route("/posts/{id}", get(handler)));
    let response = into_ok(app.oneshot(request("GET", "/posts/7")).await);
    let said = failure(|| drop(test.span("GET /posts/{id}")));
    let expected = "no span has ended that has the name GET /posts/{id}. Ended: SELECT posts, load. Still open: GET; the span of a request ends with the body of its response";
    assert_eq!(said, expected);
    axum::body::to_bytes(response.into_body(), 1_000)
        .await
        .unwrap();

    let (request, load) = (test.span("GET /posts/{id}"), test.span("load"));
    let query = test.span("SELECT posts");
    load.assert_child_of(&request);
    query.assert_child_of(&load);
    query.assert_descendant_of(&request);
    assert_eq!(query.parent(), Some(load.clone()));
    assert_eq!((request.parent(), load.attribute("id")), (None, Some("7")));
    let said = failure(|| query.assert_child_of(&request));
    let expected = "the span SELECT posts is not a child of GET /posts/{id}: above it is load, and above that GET /posts/{id}";
    assert_eq!(said, expected);
    let said = failure(|| request.assert_descendant_of(&load));
    assert_eq!(
        said,
        "the span GET /posts/{id} is not a descendant of load: it has no parent"
    );

    let line = test.log_line("found");
    assert_eq!(line.level, LogLevel::Info);
    assert_eq!(
        (line.field("id"), line.field("title")),
        (Some("7"), Some(r"a\nb"))
    );
    assert_eq!(line.trace_id.as_ref(), Some(&request.trace_id));
    assert_eq!(line.span_id.as_ref(), Some(&request.span_id));
    let labels = [("http_route", "/posts/{id}")];
    test.assert_value("vantage_api_requests_total", &labels, 1.0);
}

#[test]
fn lines_are_those_of_the_thread_and_of_the_levels() {
    let first = TestTelemetry::new();
    tracing::info!("one");
    tracing::debug!("too fine");
    {
        let second = TestTelemetry::new();
        tracing::info_span!("outer").in_scope(|| tracing::warn!("two"));
        second.telemetry().log_levels().set("debug").unwrap();
        tracing::debug!("fine");
        let lines = second.log_lines();
        let said: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(said, ["two", "fine"]);
        assert_eq!(lines[0].spans, ["outer"]);
        assert_eq!(second.spans().len(), 1);
    }
    tracing::info!("three");
    std::thread::scope(|scope| {
        scope.spawn(|| tracing::info!("from elsewhere"));
        scope.spawn(|| {
            let _captured = first.capture();
            tracing::info!("four");
        });
    });
    let lines = first.log_lines();
    let said: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["one", "three", "four"]);
    assert!(first.spans().is_empty());
    let said = failure(|| drop(first.log_line("five")));
    assert!(
        said.starts_with("no log line says \"five\":\n  info "),
        "{said}"
    );
    let said = failure(|| drop(first.log_line("")));
    assert!(said.starts_with("3 log lines say"), "{said}");
}

#[test]
fn the_earlier_of_two_may_go_first() {
    let first = TestTelemetry::new();
    let second = TestTelemetry::new();
    drop(first);
    tracing::info!("to the second");
    assert_eq!(second.log_lines().len(), 1);
    let third = std::thread::spawn(TestTelemetry::new).join().unwrap();
    drop(third);
    drop(second);
    tracing::info!("to nothing");
    let last = TestTelemetry::new();
    assert_eq!(last.log_lines(), []);
}

#[test]
fn lines_of_the_telemetry_itself_come_from_whichever_thread() {
    let mut config = config();
    config.health.fail_after = 1;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let other = TestTelemetry::new();
    let app: Router = Router::new().route("/metrics", get(|| async { "own" }));
    let _captured = test.capture();
    drop(test.telemetry().mount(app));
    let line = test.log_line("the service has routes of its own at GET /metrics");
    assert_eq!(
        (line.level, line.target.as_str()),
        (LogLevel::Warn, "vantage_obs")
    );
    assert_eq!(other.log_lines(), []);
}

#[tokio::test]
async fn checks_run_when_the_test_wants_them() {
    let mut config = config();
    config.health.fail_after = 1;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let telemetry = test.telemetry();
    telemetry.health_check("stock").critical().run(|| async {
        tokio::task::yield_now().await;
        Err::<(), _>(std::io::Error::other("out of stock"))
    });
    telemetry.health_check("paper").run_blocking(Finding::pass);
    telemetry.started();
    test.run_checks().await;
    let health = test.health();
    assert_eq!(
        (health.status, health.is_ready),
        (HealthStatus::Fail, false)
    );
    assert!(health.is_live && health.has_started);
    let stock = health.check("stock");
    assert_eq!(stock.status, Some(HealthStatus::Fail));
    assert_eq!(stock.detail.as_deref(), Some("out of stock"));
    assert_eq!(health.check("paper").status, Some(HealthStatus::Pass));
    let said = failure(|| drop(health.check("pape").clone()));
    assert!(
        said.starts_with("no check has the id pape; there are: "),
        "{said}"
    );
}

#[tokio::test]
async fn objectives_and_totals_by_day_are_asserted_by_name() {
    let test = with_objectives();
    let app = test
        .telemetry()
        .mount(Router::new().route("/", get(|| async { "" })));
    let response = into_ok(app.oneshot(request("GET", "/")).await);
    drop(response);
    test.assert_events("api.error_rate", 1, 0);
    let said = failure(|| test.assert_events("api.error_rate", 2, 0));
    assert!(
        said.contains("good and bad events of api.error_rate"),
        "{said}"
    );
    let said = failure(|| test.assert_events("api.errors", 1, 0));
    assert!(
        said.starts_with("no objective is called api.errors that counts events; there are: api.")
    );
    test.tick();
    assert_eq!(test.objective("api.latency").name, "latency");
    let said = failure(|| drop(test.objective("latency")));
    assert!(
        said.starts_with("no objective is called latency; there are: api.availability"),
        "{said}"
    );

    let business = test.telemetry().business();
    business.record_posts_published(2);
    business.record_posts_published(1);
    assert_eq!(test.daily_total("posts_published", &[]), Some(3));
    assert_eq!(test.daily_total("posts_published", &[]), Some(3));
}

#[test]
fn a_total_that_is_not_found_names_the_nearest() {
    let orders = Figure::counter("shop.orders")
        .label("tenant", 200)
        .label("payment", 3)
        .daily_total();
    let config = Config::new("shop", Role::Api).figure(orders);
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let counter = test.telemetry().counter("shop.orders");
    for (tenant, payment, number) in [
        ("acme", "card", 1 << 53),
        ("acme", "cash", 2),
        ("b", "card", 4),
    ] {
        counter.add(number, &[("tenant", tenant), ("payment", payment)]);
    }
    counter.add(1, &[("tenant", "acme"), ("payment", "card")]);
    let cards = [("tenant", "acme"), ("payment", "card")];
    test.assert_daily_total("shop.orders", &cards, (1 << 53) + 1);
    let told = |metric: &str, labels: &[(&str, &str)]| {
        failure(|| test.assert_daily_total(metric, labels, 3))
    };
    assert_eq!(
        told("shop.orders", &[("payment", "cash")]),
        "expected 3, found 2"
    );
    let nearest = told("shop.orders", &[("tenant", "b"), ("payment", "cash")]);
    let head = r#"no series shop.orders{tenant="b",payment="cash"}; of this name there are, the nearest first:"#;
    assert!(nearest.starts_with(head), "{nearest}");
    assert_eq!(nearest.lines().count(), 4, "{nearest}");
    let slip = told("shop.order", &[]);
    assert!(slip.ends_with("did you mean shop.orders?"), "{slip}");
    let several = failure(|| {
        assert!(
            test.daily_total("shop.orders", &[("tenant", "acme")])
                .is_none()
        );
    });
    assert!(
        several.starts_with(r#"2 series have shop.orders{tenant="acme"}"#),
        "{several}"
    );
}

/// The child of the test below.
#[test]
fn child_that_fails_with_lines() {
    if std::env::var_os("TEST_KIT_FAILS").is_none() {
        return;
    }
    let _test = TestTelemetry::with_config(Config::new("test", Role::Api), &[]).unwrap();
    tracing::warn!(card = "4242", "the card was refused");
    panic!("it is to fail");
}

#[test]
fn a_test_that_fails_shows_its_lines() {
    let name = "test_kit::child_that_fails_with_lines";
    for (fails, expected) in [(true, true), (false, false)] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([name, "--exact", "--test-threads=1"]);
        if fails {
            child.env("TEST_KIT_FAILS", "1");
        }
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), !fails, "{said}");
        let is_shown = said.contains("warn it::test_kit: the card was refused card=4242");
        assert_eq!(is_shown, expected, "{said}");
    }
}
