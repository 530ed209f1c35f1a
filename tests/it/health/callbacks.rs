//! Callbacks are told the present state when they are registered.

use std::sync::{Arc, Mutex, mpsc};

use vantage_obs::Telemetry;
use vantage_obs::config::Environment;
use vantage_obs::health::{HealthChange, HealthStatus};
use vantage_obs::testing::TestTelemetry;

use super::{CheckSwitch, advance, exact_config, run_checks, seconds, telemetry_with};
use crate::support::{OBJECTIVES, config};

fn line(change: &HealthChange) -> String {
    let word = |status: HealthStatus| status.as_str();
    match change {
        HealthChange::Check { id, from, to, .. } => {
            format!("{id} {} {}", from.map_or("-", word), word(*to))
        }
        HealthChange::Status { from, to, .. } => format!("{} {}", word(*from), word(*to)),
        other => format!("{other:?}"),
    }
}

fn recorder(test: &TestTelemetry) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&lines);
    test.telemetry()
        .on_health_change(move |change| recorded.lock().unwrap().push(line(change)));
    lines
}

#[tokio::test]
async fn a_callback_is_told_what_is_and_then_what_changes() {
    let test = telemetry_with(exact_config());
    let (db, disk) = (CheckSwitch::default(), CheckSwitch::default());
    db.set(CheckSwitch::FAIL);
    test.telemetry()
        .health_check("db")
        .critical()
        .run(db.check());
    test.telemetry().health_check("disk").run(disk.check());
    let early = recorder(&test);
    run_checks(&test).await;
    let late = recorder(&test);
    assert_eq!(
        *late.lock().unwrap(),
        ["db - fail", "disk - pass", "fail fail", "Ready(false)"]
    );
    db.set(CheckSwitch::PASS);
    advance(&test, seconds(10)).await;
    assert_eq!(
        late.lock().unwrap()[4..],
        ["db fail pass", "fail pass", "Ready(true)"]
    );
    // One that was there from the start is told nothing twice.
    assert_eq!(
        early
            .lock()
            .unwrap()
            .iter()
            .filter(|line| *line == "db - fail")
            .count(),
        1
    );
    assert_eq!(early.lock().unwrap().last().unwrap(), "Ready(true)");
}

#[tokio::test]
async fn a_check_that_awaits_its_first_result_changes_no_status() {
    let test = telemetry_with(exact_config());
    let told = recorder(&test);
    let (db, disk) = (CheckSwitch::default(), CheckSwitch::default());
    test.telemetry().health_check("db").run(db.check());
    run_checks(&test).await;
    let of_status = |told: &Mutex<Vec<String>>| {
        let told = told.lock().unwrap();
        let status = |line: &&String| ["pass", "warn", "fail"].contains(&&line[..4]);
        told.iter().filter(status).cloned().collect::<Vec<_>>()
    };
    assert!(of_status(&told).is_empty(), "{told:?}");
    // One that comes later, and is bad.
    disk.set(CheckSwitch::FAIL);
    test.telemetry().health_check("disk").run(disk.check());
    test.tick();
    assert!(of_status(&told).is_empty(), "{told:?}");
    run_checks(&test).await;
    assert_eq!(of_status(&told), ["pass warn"]);
}

#[test]
fn a_running_service_tells_the_present_state_in_order_on_the_thread_of_changes() {
    let telemetry = Telemetry::without_globals(exact_config(), &Environment::empty()).unwrap();
    telemetry.started();
    let (sender, received) = mpsc::channel();
    let inner = telemetry.clone();
    telemetry.on_health_change(move |change| {
        let thread = std::thread::current().name().map(str::to_owned);
        let _ = sender.send((line(change), thread));
        if matches!(change, HealthChange::Ready(true)) {
            // A callback may itself subscribe, and panic.
            inner.on_health_change(|_| panic!("a callback that panics"));
        }
    });
    let first: Vec<_> = (0..2)
        .map(|_| received.recv_timeout(seconds(10)).unwrap())
        .collect();
    assert_eq!(first[0].0, "pass pass");
    assert_eq!(first[1].0, "Ready(true)");
    assert_eq!(first[0].1.as_deref(), Some("vantage-health-news"));
    telemetry.shutdown_blocking().unwrap();
    assert_eq!(
        received.recv_timeout(seconds(10)).unwrap().0,
        "Ready(false)"
    );
}

#[test]
fn a_callback_on_alerts_is_told_the_state_of_each_objective() {
    let test = TestTelemetry::with_config(config(), &OBJECTIVES).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let subscribe = || {
        let recorded = Arc::clone(&told);
        test.telemetry().on_slo_alert(move |change| {
            let change = (change.objective.to_string(), change.from, change.to);
            recorded.lock().unwrap().push(change);
        });
    };
    subscribe();
    assert!(told.lock().unwrap().is_empty(), "nothing was evaluated yet");
    for _ in 0..20 {
        test.clock().advance(seconds(1));
        test.tick();
    }
    told.lock().unwrap().clear();
    subscribe();
    let told = told.lock().unwrap();
    let report = test.telemetry().slo_report().unwrap();
    assert_eq!(told.len(), report.objectives.len());
    for (objective, (id, from, to)) in report.objectives.iter().zip(&*told) {
        assert_eq!(*id, format!("{}.{}", objective.service, objective.name));
        assert_eq!((*from, *to), (objective.alert, objective.alert));
    }
}
