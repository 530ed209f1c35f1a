//! The first hour of a service's objectives, played with a clock in the hand: start, twenty minutes with an
//! outage of 33 s, a first deploy that fails, a gap.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt as _;
use vantage_obs::slo::report::{ObjectiveReport, SloReport, render_table};
use vantage_obs::testing::TestTelemetry;

use crate::support::{into_ok, request, with_objectives};

const INTERVAL: Duration = Duration::from_secs(10);
/// Requests in each interval: one a second.
const REQUESTS: u32 = 10;

/// A service that answers a request a second.
struct YoungService {
    test: TestTelemetry,
    app: Router,
}

impl YoungService {
    fn start() -> Self {
        let test = with_objectives();
        let app = Router::new()
            .route("/good", get(|| async { StatusCode::OK }))
            .route("/bad", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .layer(test.telemetry().http_layer());
        test.tick();
        Self { test, app }
    }

    /// Runs for so many seconds, in which all requests fail where `fails` says so of the second.
    async fn run(&self, seconds: u32, fails: impl Fn(u32) -> bool) {
        for interval in 0..seconds / REQUESTS {
            for second in 0..REQUESTS {
                let path = match fails(interval * REQUESTS + second) {
                    true => "/bad",
                    false => "/good",
                };
                into_ok(self.app.clone().oneshot(request("GET", path)).await);
            }
            self.test.clock().advance(INTERVAL);
            self.test.tick();
            assert_finite(&self.json().await);
        }
    }

    async fn json(&self) -> Value {
        let routes: Router = self.test.telemetry().routes();
        let response = into_ok(routes.oneshot(request("GET", "/api/v1/slo")).await);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    async fn objective(&self, name: &str) -> Value {
        let report = self.json().await;
        let all = report["objectives"].as_array().unwrap();
        let is_wanted = |one: &&Value| one["service"] == "api" && one["name"] == name;
        all.iter().find(is_wanted).unwrap().clone()
    }

    fn metric(&self, name: &str, objective: &str) -> f64 {
        let labels = [("objective", objective)];
        self.test.value(name, &labels).unwrap()
    }

    fn alert_metric(&self, objective: &str, severity: &str) -> Option<f64> {
        let labels = [("objective", objective), ("severity", severity)];
        self.test.value("vantage_slo_alert", &labels)
    }

    fn report(&self) -> SloReport {
        self.test.telemetry().slo_report().unwrap()
    }
}

/// At every age: nothing is frozen, no budget is left by more than all of it or spent a hundredfold, its
/// course is whole, and what is said of the end of a budget is in the future.
fn assert_finite(report: &Value) {
    let now: Timestamp = report["generated_at"].as_str().unwrap().parse().unwrap();
    for one in report["objectives"].as_array().unwrap() {
        assert_ne!(one["alert"], "frozen", "{one}");
        if let Some(left) = one["budget"]["remaining"].as_f64() {
            assert!((0.5..=1.0).contains(&left), "{one}");
            let course = one["burn_down"].as_array().unwrap();
            assert_eq!(course.last().unwrap()[1].as_f64(), Some(left), "{one}");
            assert_eq!(course[0][1], 1, "{one}");
        }
        if let Some(at) = one["exhausts_at"].as_str() {
            let at: Timestamp = at.parse().unwrap();
            assert!(at > now + Duration::from_secs(1_800), "{one}");
        }
    }
}

fn near(value: &Value, expected: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() < 1e-9
}

#[tokio::test]
async fn an_outage_of_33_seconds_in_the_first_20_minutes_leaves_95_4_percent() {
    let service = YoungService::start();
    // It touches two minutes, in each of which more than a tenth fails.
    service
        .run(1_210, |second| (640..673).contains(&second))
        .await;
    let availability = service.objective("availability").await;
    assert_eq!(
        (&availability["good"], &availability["bad"]),
        (&18.into(), &2.into())
    );
    let budget = &availability["budget"];
    assert!(near(&budget["events"], 43.2), "{budget}");
    assert!(near(&budget["consumed"], 2.0 / 43.2), "{budget}");
    assert!(near(&budget["remaining"], 1.0 - 2.0 / 43.2), "{budget}");
    assert!(near(&availability["sli"], 0.9), "{availability}");
    assert_eq!(availability["data"], "partial");
    assert_eq!(availability["alert"], "none", "two bad minutes are too few");

    // 33 bad events of the 12,960 that 30 days at this pace permit.
    let errors = service.objective("error_rate").await;
    assert_eq!(
        (&errors["bad"], &errors["total"]),
        (&33.into(), &1_210.into())
    );
    assert!(near(&errors["budget"]["events"], 12_960.0), "{errors}");
    assert!(
        near(&errors["budget"]["consumed"], 33.0 / 12_960.0),
        "{errors}"
    );
    assert!(near(&errors["sli"], 1_177.0 / 1_210.0), "{errors}");
    // 5.5x of both its windows as far as there is something of them, and not more than 10x.
    assert_eq!(errors["alert"], "warning", "{errors}");
    let seen = &errors["seen"];
    let expected = serde_json::json!({"seconds": 1_210, "of_seconds": 2_592_000,
        "share": 1_210.0 / 2_592_000.0, "collecting": true});
    assert_eq!(*seen, expected);

    for objective in ["availability", "error_rate", "latency"] {
        let json = service.objective(objective).await;
        let id = format!("api.{objective}");
        let left = service.metric("vantage_slo_error_budget_remaining_ratio", &id);
        assert!(near(&json["budget"]["remaining"], left), "{id}");
        let coverage = service.metric("vantage_slo_coverage_ratio", &id);
        assert!(near(&json["coverage"], coverage), "{id}");
        assert_eq!(service.alert_metric(&id, "frozen"), Some(0.0));
    }

    let report = service.report();
    let words = |one: &ObjectiveReport| one.collecting_text();
    let availability = &report.objectives[0];
    let expected = "collecting data, 20 min of 30 d";
    assert_eq!(words(availability).as_deref(), Some(expected));
    let table = render_table(&report);
    assert!(
        table.contains(expected) && table.contains("95.37 %"),
        "{table}"
    );
    assert!(
        !table.contains("frozen") && !table.contains("no_data"),
        "{table}"
    );
    // What is read from its JSON has the same budgets, to the last bit.
    let read = SloReport::from_json(&report.to_json()).unwrap();
    let budgets = |report: &SloReport| -> Vec<_> {
        let all = report.objectives.iter();
        all.map(|one| one.budget().remaining()).collect()
    };
    assert_eq!(budgets(&read), budgets(&report));
}

#[tokio::test]
async fn a_first_deploy_that_fails_from_its_first_minute_on_alerts_within_minutes() {
    let service = YoungService::start();
    service.run(10, |_| true).await;
    assert_eq!(
        service.objective("error_rate").await["alert"],
        "critical",
        "ten bad of ten"
    );
    assert_eq!(
        service.alert_metric("api.error_rate", "critical"),
        Some(1.0)
    );
    let availability = service.objective("availability").await;
    assert_eq!(availability["alert"], "none", "no minute has ended");
    service.run(180, |_| true).await;
    let availability = service.objective("availability").await;
    assert_eq!(
        (&availability["bad"], &availability["alert"]),
        (&3.into(), &"critical".into()),
        "{availability}"
    );
    service.run(120, |_| true).await;
    // Five minutes of each budget are spent, and not more.
    let availability = service.objective("availability").await;
    assert!(
        near(&availability["budget"]["consumed"], 5.0 / 43.2),
        "{availability}"
    );
    let errors = service.objective("error_rate").await;
    assert!(
        near(&errors["budget"]["consumed"], 310.0 / 12_960.0),
        "{errors}"
    );
    assert_eq!(errors["sli"], 0);
    // It is rolled back: calm for a fifth of the short window that is below the factor.
    service.run(360, |_| false).await;
    let errors = service.objective("error_rate").await;
    assert_eq!(
        errors["alert"], "warning",
        "half an hour has more to forget"
    );
}

#[tokio::test]
async fn a_slow_first_deploy_alerts_as_well() {
    let service = YoungService::start();
    // A third fails: 67x of 0.5 %, and ten bad ones after half a minute.
    service.run(20, |second| second % 3 == 0).await;
    assert_eq!(service.objective("error_rate").await["alert"], "none");
    service.run(10, |second| second % 3 == 0).await;
    assert_eq!(service.objective("error_rate").await["alert"], "critical");
}

#[tokio::test]
async fn a_young_service_without_a_request_has_no_data_and_no_alert() {
    let service = YoungService::start();
    for _ in 0..30 {
        service.test.clock().advance(INTERVAL);
        service.test.tick();
        assert_finite(&service.json().await);
    }
    let errors = service.objective("error_rate").await;
    assert_eq!(
        (&errors["data"], &errors["alert"]),
        (&"no_data".into(), &"none".into())
    );
    assert!(errors["budget"]["remaining"].is_null() && errors["exhausts_at"].is_null());
    let table = render_table(&service.report());
    assert!(
        table.contains("nothing happened: neither good nor bad; collecting data, 5 min of 30 d")
    );
}

#[tokio::test]
async fn a_gap_freezes_each_pair_alone_and_no_longer_than_its_short_window_lacks_samples() {
    let service = YoungService::start();
    service.run(1_200, |_| false).await;
    // Suspended for ten minutes: samples are missing, and now.
    service.test.clock().advance(Duration::from_secs(600));
    service.test.tick();
    assert_eq!(service.objective("error_rate").await["alert"], "frozen");
    let table = render_table(&service.report());
    assert!(
        table.contains("its alert is frozen: samples are missing"),
        "{table}"
    );
    let advance = |seconds: u32| {
        for _ in 0..seconds / REQUESTS {
            service.test.clock().advance(INTERVAL);
            service.test.tick();
        }
    };
    advance(140);
    assert_eq!(service.objective("error_rate").await["alert"], "frozen");
    // Half of five minutes is there again; of the warning's half hour two thirds always were.
    advance(10);
    let errors = service.objective("error_rate").await;
    assert_eq!(errors["alert"], "none");
    // The gap is no part of what was seen.
    assert_eq!(errors["seen"]["seconds"], 1_200 + 150, "{errors}");
    let course = errors["burn_down"].as_array().unwrap();
    let time = |point: &Value| -> Timestamp { point[0].as_str().unwrap().parse().unwrap() };
    let longest = course
        .windows(2)
        .map(|pair| time(&pair[1]).duration_since(time(&pair[0])));
    assert!(
        longest.max().unwrap().as_secs() >= 600,
        "a gap in its middle is one"
    );
}

#[tokio::test]
async fn an_alert_that_fires_outlasts_a_gap() {
    let service = YoungService::start();
    service.run(60, |_| true).await;
    assert_eq!(service.objective("error_rate").await["alert"], "critical");
    service.test.clock().advance(Duration::from_secs(600));
    service.test.tick();
    for _ in 0..14 {
        service.test.clock().advance(INTERVAL);
        service.test.tick();
        assert_eq!(service.objective("error_rate").await["alert"], "critical");
    }
    // A minute of calm after half of the short window is known again.
    for _ in 0..7 {
        service.test.clock().advance(INTERVAL);
        service.test.tick();
    }
    assert_eq!(service.objective("error_rate").await["alert"], "warning");
}
