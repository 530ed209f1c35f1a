//! Loops of the service's own that must turn.

use std::collections::BTreeSet;

use super::{
    CheckSwitch, advance, authorized, detail, exact_config, get, run_checks, seconds,
    telemetry_with,
};
use crate::support::{named, scrape};

#[tokio::test]
async fn a_loop_that_no_longer_ticks_makes_live_fail_until_it_does() {
    let test = telemetry_with(exact_config());
    let watchdog = test.telemetry().watchdog("consumer", seconds(30));
    run_checks(&test).await;
    assert_eq!(get(&test, "/live").await.status, 200);
    // It works for longer than its timeout, as long as it ticks.
    for _ in 0..5 {
        advance(&test, seconds(20)).await;
        watchdog.tick();
        assert_eq!(get(&test, "/live").await.status, 200);
    }
    advance(&test, seconds(29)).await;
    assert_eq!(get(&test, "/live").await.status, 200);
    advance(&test, seconds(1)).await;
    let stuck = authorized(&test, "/live?verbose").await;
    assert_eq!(stuck.status, 503);
    assert_eq!(
        stuck.body,
        "[+]ping ok\n[-]consumer failed: reason withheld\nlivez check failed\n"
    );
    assert_eq!(get(&test, "/ready").await.status, 503);
    let shown = detail(&test, "consumer").await;
    assert_eq!(shown["code"], "stuck");
    assert_eq!(shown["detail"], "the last tick was 30.0s ago");
    watchdog.tick();
    advance(&test, seconds(1)).await;
    assert_eq!(get(&test, "/live").await.status, 200);
}

#[tokio::test]
async fn each_loop_has_its_own_timeout_and_a_dropped_watchdog_watches_nothing() {
    let test = telemetry_with(exact_config());
    let telemetry = test.telemetry();
    telemetry
        .health_check("db")
        .run(CheckSwitch::default().check());
    let quick = telemetry.watchdog("quick", seconds(2));
    let slow = telemetry.watchdog("slow", seconds(3_600));
    run_checks(&test).await;
    for _ in 0..4 {
        advance(&test, seconds(1)).await;
    }
    assert_eq!(detail(&test, "quick").await["code"], "stuck");
    assert_eq!(detail(&test, "slow").await["code"], "ok");
    assert_eq!(get(&test, "/live?exclude=quick").await.status, 200);
    assert_eq!(get(&test, "/live").await.status, 503);
    drop(quick);
    assert_eq!(get(&test, "/live").await.status, 200);
    let series = named(&scrape(&test), "vantage_health_check_age_seconds");
    let labels: BTreeSet<_> = series
        .iter()
        .map(|one| one.labels["check"].as_str())
        .collect();
    assert_eq!(labels, BTreeSet::from(["db", "slow"]));
    // Its id is free again.
    let again = telemetry.watchdog("quick", seconds(2));
    run_checks(&test).await;
    assert_eq!(detail(&test, "quick").await["code"], "ok");
    drop((again, slow));
}

#[test]
fn a_watchdog_needs_no_runtime_and_may_be_ticked_from_any_thread() {
    let test = telemetry_with(exact_config());
    let watchdog = test.telemetry().watchdog("consumer", seconds(1));
    test.tick();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| watchdog.tick());
        }
    });
    test.clock().advance(seconds(1));
    test.tick();
    assert!(!test.telemetry().is_ready());
    watchdog.tick();
    test.clock().advance(seconds(1) / 2);
    test.tick();
    assert!(test.telemetry().is_ready());
}
