//! Readiness before the first samples and from the start of shutdown.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use vantage_obs::config::Environment;
use vantage_obs::{Config, Role, Telemetry};

use super::{CheckSwitch, exact_config, get, run_checks, telemetry_with};

#[tokio::test]
async fn a_service_is_not_ready_before_the_first_samples() {
    let test = telemetry_with(exact_config());
    let early = get(&test, "/ready").await;
    assert_eq!(
        (early.status.as_u16(), early.header("retry-after")),
        (503, Some("10"))
    );
    assert_eq!(early.body, r#"{"status":"fail","ready":false}"#);
    assert_eq!(get(&test, "/startup").await.status, 503);
    assert_eq!(get(&test, "/live").await.status, 200);
    test.tick();
    assert_eq!(get(&test, "/ready").await.status, 200);
    assert_eq!(get(&test, "/startup").await.status, 200);
}

#[tokio::test]
async fn a_check_that_comes_later_is_waited_for_and_startup_stays_done() {
    let test = telemetry_with(exact_config());
    test.tick();
    test.telemetry()
        .health_check("it")
        .run(CheckSwitch::default().check());
    assert_eq!(get(&test, "/ready").await.status, 503);
    assert_eq!(get(&test, "/startup").await.status, 200);
    run_checks(&test).await;
    assert_eq!(get(&test, "/ready").await.status, 200);
}

#[tokio::test]
async fn a_service_is_not_ready_from_the_start_of_shutdown_and_health_stays_as_it_was() {
    let test = telemetry_with(exact_config());
    test.tick();
    test.telemetry().drain().await;
    let ending = get(&test, "/ready").await;
    assert_eq!(
        (ending.status.as_u16(), ending.header("retry-after")),
        (503, Some("10"))
    );
    assert!(
        get(&test, "/ready?verbose")
            .await
            .body
            .contains("[-]shutdown failed: reason withheld\n")
    );
    assert_eq!(get(&test, "").await.status, 200);
    assert_eq!(get(&test, "/live").await.status, 200);
}

/// The status line of an answer; `None` where nobody listens.
fn ready(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /api/v1/health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response.lines().next()?.to_owned())
}

#[test]
fn the_listener_stays_open_for_the_delay_and_says_that_the_service_is_not_ready() {
    let mut config = Config::new("draining", Role::Worker);
    config.health.shutdown_delay = Duration::from_millis(600);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    assert_eq!(ready(address).as_deref(), Some("HTTP/1.1 200 OK"));
    let began = Instant::now();
    let ending = std::thread::spawn(move || telemetry.shutdown_blocking().map(drop));
    let mut unready = 0;
    while let Some(line) = ready(address) {
        unready += u32::from(line.contains("503"));
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it still listens"
        );
    }
    assert!(unready > 0, "nobody could have noticed");
    assert!(
        began.elapsed() >= Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
    ending.join().unwrap().unwrap();
}

#[test]
fn a_service_that_is_set_up_is_ready_at_once_and_disabled_telemetry_still_answers() {
    for disabled in [false, true] {
        let mut config = Config::new("probed", Role::Worker);
        config.disabled = disabled;
        let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
        assert!(telemetry.is_ready());
        let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(ready(address).as_deref(), Some("HTTP/1.1 200 OK"));
        telemetry.shutdown_blocking().unwrap();
        assert!(!telemetry.is_ready());
    }
}
