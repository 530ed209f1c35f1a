//! A role decides what is shown before anything happens; whatever is recorded is shown in any case.

use axum::Router;
use axum::routing::get;
use tower::ServiceExt as _;
use vantage_obs::ExpositionFormat;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use crate::support::{OBJECTIVES, into_ok, named, request, samples, scrape};

fn with_role(role: Role) -> TestTelemetry {
    TestTelemetry::with_config(Config::new("test", role), &OBJECTIVES).unwrap()
}

/// The families (API, worker, scheduler, database, business) that a scrape knows of: by a series of
/// their own, or by the instruments whose overflow would be counted.
fn families(test: &TestTelemetry) -> Vec<&'static str> {
    let text = scrape(test);
    let known = |family: &str| {
        samples(&text).iter().any(|sample| {
            let instrument = sample.labels.get("instrument");
            sample.name.starts_with(&format!("vantage_{family}_"))
                || instrument.is_some_and(|name| name.starts_with(&format!("vantage.{family}.")))
        })
    };
    ["api", "worker", "scheduler", "database", "business"]
        .into_iter()
        .filter(|family| known(family))
        .collect()
}

fn objectives(test: &TestTelemetry) -> Vec<&str> {
    let open: Vec<_> = test
        .telemetry()
        .slo_events()
        .map(|counts| counts.objective)
        .collect();
    let events = named(&scrape(test), "vantage_slo_events_total");
    assert_eq!(events.len(), open.len() * 2, "both say the same");
    open
}

const API: [&str; 2] = ["api.latency", "api.error_rate"];
const WORKERS: [&str; 2] = ["workers.processing_time", "workers.queue_lag"];

#[test]
fn an_api_shows_its_own_family_and_objectives_and_no_worker_or_scheduler() {
    let test = with_role(Role::Api);
    assert_eq!(families(&test), ["api", "database"]);
    assert_eq!(test.value("vantage_api_active_connections", &[]), Some(0.0));
    assert_eq!(objectives(&test), API);
}

#[test]
fn a_worker_shows_its_own_family_and_objectives_and_no_api_or_scheduler() {
    let test = with_role(Role::Worker);
    assert_eq!(families(&test), ["worker", "database"]);
    assert_eq!(objectives(&test), WORKERS);
}

#[test]
fn a_scheduler_shows_its_own_family_and_no_objective() {
    let test = with_role(Role::Scheduler);
    assert_eq!(families(&test), ["scheduler", "database"]);
    assert!(objectives(&test).is_empty());
}

#[test]
fn a_status_page_shows_what_every_process_has() {
    let test = with_role(Role::Web);
    test.tick();
    assert_eq!(families(&test), ["database"]);
    assert!(objectives(&test).is_empty());
    if cfg!(target_os = "linux") {
        assert!(test.value("process_uptime_seconds", &[]).is_some());
    }
}

#[test]
fn several_roles_add_up() {
    let roles = Config::new("test", Role::Worker).role(Role::Scheduler);
    let test = TestTelemetry::with_config(roles, &OBJECTIVES).unwrap();
    let expected = ["worker", "scheduler", "database"];
    assert_eq!(families(&test), expected);
    assert_eq!(objectives(&test), WORKERS);
}

#[tokio::test]
async fn what_is_recorded_without_the_role_is_shown_from_then_on() {
    let test = with_role(Role::Web);
    let telemetry = test.telemetry();
    // A handle alone is no use of it.
    let (worker, scheduler) = (telemetry.worker("w1"), telemetry.scheduler());
    let app = Router::new()
        .route("/posts", get(|| async {}))
        .layer(telemetry.http_layer());
    assert_eq!(families(&test), ["database"]);

    worker
        .start("publish", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
    assert_eq!(families(&test), ["worker", "database"]);
    assert_eq!(objectives(&test), WORKERS);
    let labels = [("job_kind", "publish"), ("outcome", "succeeded")];
    assert_eq!(test.value("vantage_worker_jobs_total", &labels), Some(1.0));

    scheduler.start("nightly", test.clock().wall()).succeed();
    into_ok(app.oneshot(request("GET", "/posts")).await);
    let all = ["api", "worker", "scheduler", "database"];
    assert_eq!(families(&test), all);
    assert_eq!(objectives(&test), [API, WORKERS].concat());
    let good = [("objective", "api.latency"), ("result", "good")];
    assert_eq!(test.value("vantage_slo_events_total", &good), Some(1.0));
}

#[test]
fn a_job_of_a_process_without_the_role_is_watched_while_it_runs() {
    let test = with_role(Role::Api);
    let worker = test.telemetry().worker("w1");
    let job = worker.start("publish", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(std::time::Duration::from_secs(301));
    test.tick();
    let bad = [("objective", "workers.processing_time"), ("result", "bad")];
    assert_eq!(test.value("vantage_slo_events_total", &bad), Some(1.0));
    job.succeed();
}

#[test]
fn thresholds_are_bounds_of_the_histogram_whenever_it_comes_to_life() {
    let mut bounds = Vec::new();
    for role in [Role::Worker, Role::Api] {
        let test = with_role(role);
        let worker = test.telemetry().worker("w1");
        worker
            .start("publish", test.clock().wall(), &Carrier::EMPTY)
            .succeed();
        let text = test.telemetry().scrape(ExpositionFormat::Text).unwrap();
        let lag = "vantage_worker_queue_lag_seconds_bucket";
        bounds.push(
            named(&text, lag)
                .iter()
                .map(|sample| sample.labels["le"].clone())
                .collect(),
        );
    }
    let [with, without]: [Vec<String>; 2] = bounds.try_into().unwrap();
    assert!(with.contains(&"300.0".to_owned()), "{with:?}");
    assert_eq!(with, without);
}

#[test]
fn a_process_that_does_not_touch_the_business_figures_has_none_of_them() {
    let test = with_role(Role::Api);
    let shown = |test: &TestTelemetry| families(test).contains(&"business");
    assert!(!shown(&test));
    let business = test.telemetry().business();
    assert_eq!(
        test.value("vantage_business_posts_published_total", &[]),
        Some(0.0)
    );
    business.record_active_organizations(3);
    assert!(shown(&test));
}
