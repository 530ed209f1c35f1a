//! Health as metrics, as callbacks and as log lines, and what it stays out of.

use std::sync::{Arc, Mutex};

use tower::ServiceExt as _;
use vantage_obs::config::TraceSampler;
use vantage_obs::health::{HealthChange, HealthStatus};
use vantage_obs::testing::TestTelemetry;

use super::{CheckSwitch, advance, exact_config, run_checks, seconds, telemetry_with};
use crate::support::{OBJECTIVES, events, into_ok, named, request, scrape};

fn status(test: &TestTelemetry, check: &str, status: &str) -> Option<f64> {
    let labels = [
        ("check", check),
        ("criticality", "critical"),
        ("scope", "local"),
        ("status", status),
    ];
    test.value("vantage_health_check_status", &labels)
}

#[tokio::test]
async fn checks_are_metrics_that_turn_stale_and_vanish() {
    let test = telemetry_with(exact_config());
    let check = test
        .telemetry()
        .health_check("it")
        .critical()
        .run(CheckSwitch::default().check());
    assert_eq!(status(&test, "it", "pass"), None, "it has no result yet");
    assert_eq!(test.value("vantage_health_ready", &[]), Some(0.0));
    run_checks(&test).await;
    assert_eq!(status(&test, "it", "pass"), Some(1.0));
    assert_eq!(status(&test, "it", "fail"), Some(0.0));
    assert_eq!(test.value("vantage_health_ready", &[]), Some(1.0));
    assert_eq!(
        test.value("vantage_health_status", &[("status", "pass")]),
        Some(1.0)
    );
    test.clock().advance(seconds(32));
    assert_eq!(status(&test, "it", "pass"), Some(0.0));
    assert_eq!(status(&test, "it", "fail"), Some(1.0));
    assert_eq!(
        test.value("vantage_health_check_age_seconds", &[("check", "it")]),
        Some(32.0)
    );
    assert_eq!(
        test.value("vantage_health_status", &[("status", "fail")]),
        Some(1.0)
    );
    check.remove();
    let text = scrape(&test);
    assert!(named(&text, "vantage_health_check_status").is_empty());
    assert!(named(&text, "vantage_health_check_duration_seconds").is_empty());
}

#[tokio::test]
async fn the_database_check_drives_whether_the_database_is_up() {
    let mut config = exact_config();
    config.health.fail_after = 3;
    let test = telemetry_with(config);
    let (database, switch) = (
        test.telemetry().database("postgresql"),
        CheckSwitch::default(),
    );
    test.telemetry()
        .health_check("database")
        .database(&database, switch.check());
    let up = || test.value("vantage_database_up", &[("db_system_name", "postgresql")]);
    run_checks(&test).await;
    assert_eq!(up(), Some(1.0));
    // Damping is for readiness; the figure says what the last answer was.
    switch.set(CheckSwitch::FAIL);
    advance(&test, seconds(10)).await;
    assert_eq!(up(), Some(0.0));
    switch.set(CheckSwitch::PASS);
    advance(&test, seconds(10)).await;
    assert_eq!(up(), Some(1.0));
    switch.set(CheckSwitch::HANG);
    advance(&test, seconds(10)).await;
    assert_eq!(up(), Some(1.0), "it is being asked");
    advance(&test, seconds(2)).await;
    assert_eq!(up(), Some(0.0));
    assert!(
        test.telemetry().is_ready(),
        "a shared dependency does not unready the fleet"
    );
}

#[tokio::test]
async fn callbacks_get_each_change_once_and_one_that_panics_is_caught() {
    let test = telemetry_with(exact_config());
    let changes = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&changes);
    let telemetry = test.telemetry();
    telemetry.on_health_change(|_| panic!("a callback that panics"));
    telemetry.on_health_change(move |change| recorder.lock().unwrap().push(change.clone()));
    let switch = CheckSwitch::default();
    telemetry.health_check("it").critical().run(switch.check());
    run_checks(&test).await;
    switch.set(CheckSwitch::FAIL);
    for _ in 0..5 {
        advance(&test, seconds(10)).await;
    }
    switch.set(CheckSwitch::PASS);
    advance(&test, seconds(10)).await;
    let changes = changes.lock().unwrap();
    let lines: Vec<_> = changes
        .iter()
        .map(|change| match change {
            HealthChange::Check {
                id, from, to, code, ..
            } => {
                let from = from.map_or("-", HealthStatus::as_str);
                format!("{id} {from} {} {code}", to.as_str())
            }
            HealthChange::Status { from, to, .. } => format!("{} {}", from.as_str(), to.as_str()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        lines,
        [
            "it - pass ok",
            "Ready(true)",
            "it pass fail refused",
            "pass fail",
            "Ready(false)",
            "it fail pass ok",
            "fail pass",
            "Ready(true)",
        ]
    );
}

#[test]
fn a_callback_may_block_without_keeping_a_deadline_from_being_noticed() {
    use vantage_obs::config::Environment;
    let telemetry =
        vantage_obs::Telemetry::without_globals(exact_config(), &Environment::empty()).unwrap();
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = Mutex::new(left);
    telemetry.on_health_change(move |_| {
        let _ = enter.send(());
        let _ = left.lock().unwrap().recv();
    });
    let hangs = std::future::pending::<vantage_obs::health::Finding>;
    let short = std::time::Duration::from_millis(20);
    telemetry
        .health_check("it")
        .critical()
        .interval(short)
        .timeout(short)
        .run(hangs);
    entered.recv_timeout(seconds(10)).unwrap();
    let patience = std::time::Instant::now() + seconds(10);
    while telemetry.health() != HealthStatus::Fail {
        assert!(std::time::Instant::now() < patience);
        std::thread::yield_now();
    }
    drop(leave);
    telemetry.shutdown_blocking().unwrap();
}

#[tokio::test]
async fn probes_are_no_spans_and_count_towards_no_objective() {
    let mut config = exact_config();
    config.traces.sample_ratio = 1.0;
    let test = TestTelemetry::with_config(config, &OBJECTIVES).unwrap();
    test.tick();
    let app = axum::Router::new()
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer());
    for path in ["", "/live", "/startup", "/ready", "/detailed"] {
        into_ok(
            app.clone()
                .oneshot(request("GET", &format!("/api/v1/health{path}")))
                .await,
        );
    }
    assert!(test.spans().is_empty());
    assert_eq!(events(&test, "api.error_rate"), (0, 0));
    assert_eq!(events(&test, "api.latency"), (0, 0));
    let text = scrape(&test);
    assert_eq!(named(&text, "vantage_api_requests_total"), []);
    let counted = named(&text, "vantage_telemetry_http_requests_total");
    assert_eq!(counted.len(), 5, "they are measured");
}

#[tokio::test]
async fn what_a_check_asks_of_a_database_is_no_trace_whoever_decides() {
    for sampler in [
        TraceSampler::AlwaysOn,
        TraceSampler::ParentBasedTraceIdRatio,
    ] {
        let mut config = exact_config();
        (config.traces.sampler, config.traces.sample_ratio) = (sampler, 1.0);
        let test = telemetry_with(config);
        let database = test.telemetry().database("postgresql");
        test.telemetry().health_check("database").run(move || {
            let query = database.query("SELECT", "one");
            async move {
                query.succeed();
                vantage_obs::health::Finding::pass()
            }
        });
        run_checks(&test).await;
        let name = "db_client_operation_duration_seconds_count";
        assert_eq!(named(&scrape(&test), name).len(), 1, "it has run");
        assert!(test.spans().is_empty(), "{sampler}");
    }
}
