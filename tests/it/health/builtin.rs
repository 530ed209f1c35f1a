//! The built-in checks, against real sockets.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vantage_obs::health::{LagLimits, UsageLimits};
use vantage_obs::testing::TestTelemetry;

use super::{advance, detail, exact_config, get, run_checks, seconds, telemetry_with};

/// Waits for a check that talks to a socket.
async fn code(test: &TestTelemetry, id: &str) -> String {
    for _ in 0..2_000 {
        run_checks(test).await;
        let check = detail(test, id).await;
        if check["code"] != "pending" {
            return check["code"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{id} has no result")
}

/// Answers each connection with these bytes.
async fn serve_bytes(bytes: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes.as_bytes()).await;
        }
    });
    address.to_string()
}

#[tokio::test]
async fn a_tcp_endpoint_passes_where_a_socket_listens_and_names_what_fails() {
    let listens = serve_bytes(String::new()).await;
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let test = telemetry_with(exact_config());
    for (id, address, expected) in [
        ("open", listens, "ok"),
        ("closed", free.to_string(), "refused"),
        ("odd", "no-port".to_owned(), "bad_address"),
    ] {
        test.telemetry().health_check(id).tcp(address);
        assert_eq!(code(&test, id).await, expected);
    }
}

#[tokio::test]
async fn an_http_endpoint_is_evaluated_by_its_status_and_its_health_document() {
    let test = telemetry_with(exact_config());
    let health = |code: u16, body: &serde_json::Value| {
        let body = body.to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {code} X\r\ncontent-type: application/health+json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let details = json!({"status": "warn", "details": {"cache:hits": {"status": "down"}}});
    for (id, response, expected) in [
        ("plain", "HTTP/1.1 200 OK\r\n\r\nfine".to_owned(), "ok"),
        ("moved", "HTTP/1.1 302 Found\r\n\r\n".to_owned(), "ok"),
        (
            "missing",
            "HTTP/1.1 404 Not Found\r\n\r\n".to_owned(),
            "http_4xx",
        ),
        ("broken", "HTTP/1.0 500 Oh\r\n\r\n".to_owned(), "http_5xx"),
        ("up", health(200, &json!({"status": "UP"})), "ok"),
        ("early", health(200, &details), "reports_warn"),
        (
            "down",
            health(200, &json!({"status": "fail"})),
            "reports_fail",
        ),
        ("both", health(503, &json!({"status": "fail"})), "http_5xx"),
        ("other", "SSH-2.0-OpenSSH_9\r\n".to_owned(), "no_http"),
    ] {
        let address = serve_bytes(response).await;
        test.telemetry()
            .health_check(id)
            .http(format!("http://{address}/health"));
        assert_eq!(code(&test, id).await, expected, "{id}");
    }
    let reported = detail(&test, "early").await;
    assert!(
        reported["detail"]
            .as_str()
            .unwrap()
            .ends_with("answered 200: cache:hits"),
        "{reported}"
    );
    test.telemetry()
        .health_check("tls")
        .http("https://127.0.0.1/");
    assert_eq!(code(&test, "tls").await, "bad_url");
}

#[tokio::test]
async fn the_health_document_of_another_service_is_parsed() {
    let mut open = exact_config();
    open.health.details = vantage_obs::config::HealthDetails::OpenCodes;
    let (ours, other) = (telemetry_with(exact_config()), telemetry_with(open));
    other
        .telemetry()
        .health_check("it")
        .run(|| async { Err::<(), _>("no") });
    run_checks(&other).await;
    let address = other
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    ours.telemetry()
        .health_check("other")
        .http(format!("http://{address}/api/v1/health"));
    assert_eq!(code(&ours, "other").await, "reports_warn");
    let reported = detail(&ours, "other").await;
    assert!(
        reported["detail"]
            .as_str()
            .unwrap()
            .ends_with("it:responseTime"),
        "{reported}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn disk_and_memory_are_evaluated_by_their_usage() {
    let test = telemetry_with(exact_config());
    let telemetry = test.telemetry();
    telemetry
        .health_check("disk")
        .disk("/", UsageLimits::new(1.5, 2.0));
    telemetry
        .health_check("full")
        .disk("/", UsageLimits::new(0.0, 0.0));
    telemetry
        .health_check("gone")
        .disk("/nowhere", UsageLimits::DISK);
    telemetry
        .health_check("memory")
        .memory(UsageLimits::new(1.5, 2.0));
    telemetry
        .health_check("swollen")
        .memory(UsageLimits::new(0.0, 2.0));
    for (id, expected) in [
        ("disk", "ok"),
        ("full", "full"),
        ("gone", "unreadable"),
        ("memory", "ok"),
        ("swollen", "nearly_full"),
    ] {
        assert_eq!(code(&test, id).await, expected, "{id}");
    }
    telemetry.health_check("collector").otlp_receiver();
    assert_eq!(code(&test, "collector").await, "ok", "nothing is pushed");
}

#[test]
fn a_stuck_runtime_is_not_live_until_it_polls_again() {
    let test = telemetry_with(exact_config());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let inside = runtime.enter();
    test.telemetry()
        .health_check("event_loop")
        .event_loop(LagLimits::new(seconds(1), seconds(30)));
    drop(inside);
    let live = || {
        // Asked on another runtime, as the SDK's own server does.
        let asking = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        asking.block_on(get(&test, "/live")).status.as_u16()
    };
    runtime.block_on(run_checks(&test));
    for second in 1..=40 {
        test.clock().advance(seconds(1));
        test.tick();
        assert_eq!(live(), if second > 30 { 503 } else { 200 }, "{second} s");
    }
    runtime.block_on(advance(&test, seconds(1)));
    runtime.block_on(advance(&test, seconds(1)));
    runtime.block_on(advance(&test, seconds(1)));
    assert_eq!(live(), 200);
}
