//! How runs are started, given up and survived.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use vantage_obs::health::Finding;

use super::{
    CheckSwitch, advance, detail, details, exact_config, get, run_checks, seconds, telemetry_with,
};

#[tokio::test]
async fn a_run_that_never_returns_times_out_and_is_started_once_an_interval() {
    let test = telemetry_with(exact_config());
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    test.telemetry().health_check("it").run(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Finding>()
    });
    run_checks(&test).await;
    assert_eq!(detail(&test, "it").await["code"], "pending");
    advance(&test, seconds(2)).await;
    let check = detail(&test, "it").await;
    assert_eq!(
        (&check["code"], &check["duration_ms"]),
        (&"timeout".into(), &2_000.into())
    );
    for _ in 0..79 {
        advance(&test, seconds(1)).await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 9, "at 0, 10, … 80 s");
}

#[tokio::test]
async fn a_call_that_blocks_times_out_once_and_is_not_started_again_before_it_returns() {
    let test = telemetry_with(exact_config());
    let (calls, gate) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new((Mutex::new(false), Condvar::new())),
    );
    let (counted, blocked) = (Arc::clone(&calls), Arc::clone(&gate));
    test.telemetry()
        .health_check("it")
        .critical()
        .run_blocking(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let opened = blocked.0.lock().unwrap();
            let _opened = blocked.1.wait_while(opened, |open| !*open).unwrap();
            Finding::pass()
        });
    run_checks(&test).await;
    until(|| calls.load(Ordering::SeqCst) == 1);
    advance(&test, seconds(2)).await;
    assert_eq!(detail(&test, "it").await["code"], "timeout");
    for _ in 0..10 {
        advance(&test, seconds(10)).await;
    }
    assert_eq!(
        calls.load(Ordering::SeqCst),
        1,
        "no second thread beside the first"
    );
    assert_eq!(detail(&test, "it").await["code"], "stale");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    // It has returned; what it says is too late, and the next run comes an interval later.
    until(|| Arc::strong_count(&calls) == 2);
    for _ in 0..100 {
        advance(&test, seconds(1)).await;
        if get(&test, "/ready").await.status == 200 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it never recovered: {}", detail(&test, "it").await);
}

/// Threads of the test's own tell nobody when they are done.
fn until(done: impl Fn() -> bool) {
    let patience = std::time::Instant::now() + seconds(10);
    while !done() {
        assert!(std::time::Instant::now() < patience);
        std::thread::yield_now();
    }
}

#[test]
fn a_blocked_runtime_is_noticed_although_it_reports_nothing() {
    let test = telemetry_with(exact_config());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let inside = runtime.enter();
    test.telemetry()
        .health_check("it")
        .critical()
        .run(CheckSwitch::default().check());
    drop(inside);
    runtime.block_on(run_checks(&test));
    assert!(test.telemetry().is_ready());
    // From now on nobody drives the runtime, and only the watching goes on.
    for second in 1..=41 {
        test.clock().advance(seconds(1));
        test.tick();
        assert_eq!(test.telemetry().is_ready(), second < 32, "{second} s");
    }
    runtime.block_on(run_checks(&test));
    runtime.block_on(advance(&test, seconds(10)));
    assert!(test.telemetry().is_ready(), "it polls again");
}

#[tokio::test]
async fn a_panic_in_the_call_in_the_future_or_in_its_drop_fails_the_check_alone() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    let test = telemetry_with(exact_config());
    let telemetry = test.telemetry();
    telemetry
        .health_check("call")
        .run(|| -> std::future::Ready<Finding> { panic!("in the call") });
    telemetry
        .health_check("future")
        .run(|| async { panic!("in the future") as Finding });
    telemetry
        .health_check("text")
        .run(|| async { std::panic::panic_any(7) as Finding });
    telemetry.health_check("drop").run(|| async {
        let _bomb = Bomb;
        std::future::pending::<Finding>().await
    });
    telemetry
        .health_check("well")
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    advance(&test, seconds(2)).await;
    for (id, code, detail_text) in [
        ("call", "panicked", "in the call".into()),
        ("future", "panicked", "in the future".into()),
        (
            "text",
            "panicked",
            "a panic with a value that is not text".into(),
        ),
        ("drop", "timeout", serde_json::Value::Null),
        ("well", "ok", serde_json::Value::Null),
    ] {
        let check = detail(&test, id).await;
        assert_eq!(
            (&check["code"], &check["detail"]),
            (&code.into(), &detail_text),
            "{id}"
        );
    }
    advance(&test, seconds(10)).await;
    assert_eq!(
        detail(&test, "call").await["code"],
        "panicked",
        "and it runs again"
    );
}

#[tokio::test]
async fn a_check_makes_room_for_another_of_its_id_and_a_removed_one_is_gone() {
    let test = telemetry_with(exact_config());
    let (old, new) = (CheckSwitch::default(), CheckSwitch::default());
    old.set(CheckSwitch::FAIL);
    let first = test
        .telemetry()
        .health_check("it")
        .critical()
        .run(old.check());
    run_checks(&test).await;
    assert_eq!(get(&test, "").await.status, 503);
    first.clone().remove();
    let second = test
        .telemetry()
        .health_check("it")
        .critical()
        .run(new.check());
    run_checks(&test).await;
    assert_eq!(get(&test, "").await.status, 200);
    first.remove();
    assert_eq!(details(&test).await["checks"].as_array().unwrap().len(), 1);
    second.remove();
    assert!(
        details(&test).await["checks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_check_of_a_process_without_a_runtime_runs_on_one_of_the_sdk() {
    let test = telemetry_with(exact_config());
    test.telemetry()
        .health_check("it")
        .critical()
        .run(CheckSwitch::default().check());
    assert!(!test.telemetry().is_ready());
    until(|| {
        test.tick();
        test.telemetry().is_ready()
    });
}

#[tokio::test]
async fn a_run_of_a_runtime_that_is_gone_gets_stale() {
    let test = telemetry_with(exact_config());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let inside = runtime.enter();
    test.telemetry()
        .health_check("it")
        .critical()
        .run(CheckSwitch::default().check());
    drop(inside);
    runtime.shutdown_background();
    for _ in 0..32 {
        advance(&test, seconds(1)).await;
    }
    assert_eq!(detail(&test, "it").await["code"], "stale");
}
