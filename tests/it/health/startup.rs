//! The way up: registration, first results, conditions; then 200 for ever.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vantage_obs::config::Environment;
use vantage_obs::health::Finding;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role, Telemetry};

use super::{
    CheckSwitch, advance, authorized, exact_config, get, run_checks, seconds, telemetry_with,
};

fn started() -> TestTelemetry {
    TestTelemetry::with_config(exact_config(), &[]).unwrap()
}

/// Asks without taking the routes, which would end registration.
fn is_up(test: &TestTelemetry) -> (bool, Option<f64>) {
    (
        test.telemetry().is_ready(),
        test.value("vantage_health_ready", &[]),
    )
}

#[test]
fn registration_ends_by_itself_ten_seconds_after_the_start() {
    let test = started();
    test.tick();
    test.clock().advance(seconds(10) - Duration::from_nanos(1));
    test.tick();
    assert_eq!(is_up(&test), (false, Some(0.0)));
    test.clock().advance(Duration::from_nanos(1));
    test.tick();
    assert_eq!(is_up(&test), (true, Some(1.0)));
}

#[tokio::test]
async fn registration_ends_when_told_and_with_the_routes() {
    let test = started();
    test.tick();
    assert_eq!(is_up(&test), (false, Some(0.0)));
    test.telemetry().started();
    assert_eq!(is_up(&test), (true, Some(1.0)));
    let test = started();
    test.tick();
    assert_eq!(get(&test, "/startup").await.status, 200);
    assert_eq!(is_up(&test), (true, Some(1.0)));
}

#[tokio::test]
async fn start_up_waits_for_the_first_results_of_critical_checks_whatever_they_are() {
    let test = started();
    let telemetry = test.telemetry();
    let slow = CheckSwitch::default();
    slow.set(CheckSwitch::HANG);
    telemetry
        .health_check("db")
        .critical()
        .shared()
        .timeout(seconds(5))
        .run(slow.check());
    telemetry
        .health_check("mail")
        .run(std::future::pending::<Finding>);
    run_checks(&test).await;
    for path in ["/startup", "/ready"] {
        assert_eq!(get(&test, path).await.status, 503, "{path}");
    }
    let lines = authorized(&test, "/startup?verbose").await.body;
    assert_eq!(
        lines,
        "[+]ping ok\n[-]db failed: reason withheld\n[-]startup failed: reason withheld\n\
         startupz check failed\n"
    );
    assert_eq!(get(&test, "/startup?exclude=db").await.status, 200);
    advance(&test, seconds(5)).await;
    // It has timed out, which is a result; a failing start-up would be restarted in vain.
    assert_eq!(get(&test, "/startup").await.status, 200);
    assert_eq!(get(&test, "/ready").await.status, 200);
    assert_eq!(get(&test, "/live").await.status, 200);
}

#[tokio::test]
async fn a_check_that_comes_after_start_up_counts_from_its_first_result_on() {
    let test = telemetry_with(exact_config());
    test.tick();
    assert_eq!(get(&test, "/ready").await.status, 200);
    let switch = CheckSwitch::default();
    switch.set(CheckSwitch::HANG);
    test.telemetry()
        .health_check("late")
        .critical()
        .run(switch.check());
    run_checks(&test).await;
    assert_eq!(
        get(&test, "/ready").await.status,
        200,
        "never 200, 503, 200"
    );
    assert_eq!(get(&test, "").await.body, r#"{"status":"warn"}"#);
    assert_eq!(get(&test, "/startup").await.status, 200, "for ever");
    advance(&test, seconds(2)).await;
    assert_eq!(get(&test, "/ready").await.status, 503, "it has timed out");
    assert_eq!(get(&test, "/startup").await.status, 200, "for ever");
}

#[tokio::test]
async fn start_up_waits_for_the_conditions_that_the_service_names() {
    let test = telemetry_with(exact_config());
    let migrations = test.telemetry().startup_condition("migrations");
    let cache = test.telemetry().startup_condition("прогрев");
    test.tick();
    for path in ["/startup", "/ready"] {
        assert_eq!(get(&test, path).await.status, 503, "{path}");
    }
    migrations.mark_met();
    migrations.mark_met();
    drop(migrations);
    let lines = authorized(&test, "/startup?verbose").await;
    assert_eq!(lines.status, 503);
    assert_eq!(
        lines.body,
        "[+]ping ok\n[+]migrations ok\n[-]прогрев failed: reason withheld\n\
         [-]startup failed: reason withheld\nstartupz check failed\n"
    );
    let draft = super::get_with(&test, "/ready", &[("accept", "application/health+json")]).await;
    assert_eq!(
        draft.json()["notes"][0],
        "waiting for conditions of start-up"
    );
    // Time alone does not end it.
    advance(&test, seconds(3_600)).await;
    assert_eq!(get(&test, "/startup").await.status, 503);
    cache.mark_met();
    for path in ["/startup", "/ready"] {
        assert_eq!(get(&test, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_condition_that_is_dropped_stays_unmet_and_one_that_is_late_changes_nothing() {
    let test = telemetry_with(exact_config());
    drop(test.telemetry().startup_condition("migrations"));
    test.tick();
    assert_eq!(get(&test, "/startup").await.status, 503);
    let test = telemetry_with(exact_config());
    test.tick();
    assert_eq!(get(&test, "/startup").await.status, 200);
    let _late = test.telemetry().startup_condition("migrations");
    test.tick();
    assert_eq!(get(&test, "/startup").await.status, 200);
    assert_eq!(get(&test, "/ready").await.status, 200);
    // Two of one name are two.
    let test = telemetry_with(exact_config());
    let [one, two] = [(); 2].map(|()| test.telemetry().startup_condition("migrations"));
    test.tick();
    one.mark_met();
    assert_eq!(get(&test, "/startup").await.status, 503);
    two.mark_met();
    assert_eq!(get(&test, "/startup").await.status, 200);
}

#[tokio::test]
async fn parts_that_are_no_checks_can_be_excluded_as_kubernetes_has_it() {
    let test = telemetry_with(exact_config());
    test.telemetry()
        .health_check("log")
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    let lines = authorized(&test, "/ready?verbose&exclude=ping&exclude=log").await;
    assert_eq!(lines.status, 200);
    assert_eq!(
        lines.body,
        "[+]ping excluded: ok\n[+]log excluded: ok\n[+]samples ok\n[+]shutdown ok\n\
         readyz check passed\n"
    );
    let lines = authorized(&test, "/live?verbose&exclude=ping&exclude=samples")
        .await
        .body;
    assert_eq!(
        lines,
        "[+]ping excluded: ok\n\
         warn: some health checks cannot be excluded: no matches for \"samples\"\n\
         livez check passed\n"
    );
    let early = TestTelemetry::with_config(exact_config(), &[]).unwrap();
    assert_eq!(get(&early, "/ready").await.status, 503);
    let lines = get(&early, "/ready?verbose&exclude=samples").await;
    assert_eq!(lines.status, 200);
    assert!(
        lines.body.contains("[+]samples excluded: ok\n"),
        "{}",
        lines.body
    );
}

/// The status of an answer; `None` where nothing listens.
fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET /api/v1/health{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    response.split(' ').nth(1)?.parse().ok()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Polls `/startup` and `/ready` until told to stop; returns the distinct statuses in a row.
fn poll(address: SocketAddr, stop: &AtomicBool) -> [Vec<u16>; 2] {
    let mut seen = [Vec::new(), Vec::new()];
    while !stop.load(Ordering::Relaxed) {
        for (seen, path) in seen.iter_mut().zip(["/startup", "/ready"]) {
            seen.extend(status(address, path));
            seen.dedup();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    seen
}

/// Sets a service up, registers a critical check whose first run takes its time, and says so.
fn run_service(set_up: impl Fn(Config) -> Telemetry) {
    let address = free_address();
    let mut config = Config::new("probed", Role::Worker);
    config.http.listen = Some(address);
    let telemetry = set_up(config);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let poller = std::thread::spawn(move || poll(address, &stopped));
    std::thread::sleep(Duration::from_millis(200));
    let migrations = telemetry.startup_condition("migrations");
    let check = || std::thread::sleep(Duration::from_millis(700));
    telemetry
        .health_check("db")
        .critical()
        .run_blocking(move || {
            check();
            Finding::pass()
        });
    let since = Instant::now();
    telemetry.started();
    std::thread::sleep(Duration::from_millis(200));
    migrations.mark_met();
    while status(address, "/startup") != Some(200) {
        assert!(since.elapsed() < seconds(20), "it never starts");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        since.elapsed() >= Duration::from_millis(700),
        "{:?}",
        since.elapsed()
    );
    std::thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    assert_eq!(poller.join().unwrap(), [[503, 200], [503, 200]]);
    telemetry.shutdown_blocking().unwrap();
}

#[test]
fn a_service_with_a_server_of_its_own_goes_up_once() {
    run_service(|config| Telemetry::without_globals(config, &Environment::empty()).unwrap());
}

const CHILD: &str = "VANTAGE_TEST_STARTUP";

#[test]
fn a_process_goes_up_once_after_a_real_init() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "health::startup::run_child", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout).into_owned()
        + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

/// In a child, which may call `init`; nothing in a test.
#[test]
fn run_child() {
    if std::env::var_os(CHILD).is_some() {
        run_service(|config| vantage_obs::init(config).unwrap());
    }
}
