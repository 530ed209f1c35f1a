//! Staleness, hysteresis and recovery at exact instants.

use std::time::Duration;

use super::{CheckSwitch, advance, detail, exact_config, get, run_checks, seconds, telemetry_with};

const NANOSECOND: Duration = Duration::from_nanos(1);

#[tokio::test]
async fn a_result_is_stale_after_three_intervals_and_a_deadline_and_not_a_nanosecond_before() {
    let test = telemetry_with(exact_config());
    test.telemetry()
        .health_check("it")
        .critical()
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    assert_eq!(get(&test, "/ready").await.status, 200);
    test.clock().advance(seconds(32) - NANOSECOND);
    assert_eq!(get(&test, "/ready").await.status, 200);
    let check = detail(&test, "it").await;
    assert_eq!(
        (&check["stale"], &check["age_ms"]),
        (&false.into(), &31_999.into())
    );
    test.clock().advance(NANOSECOND);
    assert_eq!(get(&test, "/ready").await.status, 503);
    let check = detail(&test, "it").await;
    assert_eq!(
        (&check["stale"], &check["age_ms"]),
        (&true.into(), &32_000.into())
    );
    assert_eq!(
        (&check["status"], &check["code"]),
        (&"fail".into(), &"stale".into())
    );
    // The next run is overdue, and makes it fresh.
    run_checks(&test).await;
    assert_eq!(get(&test, "/ready").await.status, 200);
}

#[tokio::test]
async fn a_check_fails_with_the_third_bad_run_and_recovers_with_the_second_good_one() {
    let mut config = exact_config();
    (config.health.fail_after, config.health.recover_after) = (3, 2);
    let test = telemetry_with(config);
    let switch = CheckSwitch::default();
    test.telemetry()
        .health_check("it")
        .critical()
        .run(switch.check());
    run_checks(&test).await;
    switch.set(CheckSwitch::FAIL);
    for (run, ready) in [(1, 200), (2, 200), (3, 503)] {
        advance(&test, seconds(10) - NANOSECOND).await;
        assert_eq!(get(&test, "/ready").await.status, 200, "before run {run}");
        advance(&test, NANOSECOND).await;
        assert_eq!(get(&test, "/ready").await.status, ready, "run {run}");
        assert_eq!(detail(&test, "it").await["code"], "refused");
    }
    switch.set(CheckSwitch::PASS);
    advance(&test, seconds(10)).await;
    assert_eq!(get(&test, "/ready").await.status, 503);
    advance(&test, seconds(10) - NANOSECOND).await;
    assert_eq!(get(&test, "/ready").await.status, 503);
    advance(&test, NANOSECOND).await;
    assert_eq!(get(&test, "/ready").await.status, 200);
}

#[tokio::test]
async fn a_dependency_that_flaps_does_not_make_the_service_flap() {
    let mut config = exact_config();
    (config.health.fail_after, config.health.recover_after) = (2, 2);
    let test = telemetry_with(config);
    let switch = CheckSwitch::default();
    test.telemetry()
        .health_check("it")
        .critical()
        .run(switch.check());
    run_checks(&test).await;
    for round in 0..10 {
        switch.set(if round % 2 == 0 {
            CheckSwitch::FAIL
        } else {
            CheckSwitch::PASS
        });
        advance(&test, seconds(10)).await;
        assert_eq!(get(&test, "/ready").await.status, 200, "round {round}");
    }
}
