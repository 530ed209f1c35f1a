//! The checks that need no code of one's own, against real sockets.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vantage_obs::health::{Lag, Share};
use vantage_obs::testing::TestTelemetry;

use super::{after, ask, detail, exact, seconds, settle, with};

/// Waits for a check that talks to a socket.
async fn code(test: &TestTelemetry, id: &str) -> String {
    for _ in 0..2_000 {
        settle(test).await;
        let check = detail(test, id).await;
        if check["code"] != "pending" {
            return check["code"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{id} has no result")
}

/// Answers each connection with these bytes.
async fn answering(bytes: String) -> String {
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
async fn a_tcp_endpoint_passes_where_somebody_listens_and_names_what_fails() {
    let listens = answering(String::new()).await;
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let test = with(exact());
    for (id, address, expected) in [
        ("open", listens, "ok"),
        ("closed", free.to_string(), "refused"),
        ("odd", "no-port".to_owned(), "bad_address"),
    ] {
        test.telemetry().check(id).tcp(address);
        assert_eq!(code(&test, id).await, expected);
    }
}

#[tokio::test]
async fn an_http_endpoint_is_judged_by_its_status_and_by_what_it_says_of_its_health() {
    let test = with(exact());
    let health = |code: u16, body: &serde_json::Value| {
        let body = body.to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {code} X\r\ncontent-type: application/health+json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let details = json!({"status": "warn", "details": {"cache:hits": {"status": "down"}}});
    for (id, answer, expected) in [
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
        let address = answering(answer).await;
        test.telemetry()
            .check(id)
            .http(format!("http://{address}/health"));
        assert_eq!(code(&test, id).await, expected, "{id}");
    }
    let said = detail(&test, "early").await;
    assert!(
        said["detail"]
            .as_str()
            .unwrap()
            .ends_with("answered 200: cache:hits"),
        "{said}"
    );
    test.telemetry().check("tls").http("https://127.0.0.1/");
    assert_eq!(code(&test, "tls").await, "bad_url");
}

#[tokio::test]
async fn another_service_of_ours_is_understood() {
    let (ours, other) = (with(exact()), with(exact()));
    other
        .telemetry()
        .check("it")
        .run(|| async { Err::<(), _>("no") });
    settle(&other).await;
    let address = other
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    ours.telemetry()
        .check("other")
        .http(format!("http://{address}/api/v1/health"));
    assert_eq!(code(&ours, "other").await, "reports_warn");
    let said = detail(&ours, "other").await;
    assert!(
        said["detail"]
            .as_str()
            .unwrap()
            .ends_with("it:responseTime"),
        "{said}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn disk_and_memory_are_judged_by_their_shares() {
    let test = with(exact());
    let telemetry = test.telemetry();
    telemetry.check("disk").disk("/", Share::new(1.5, 2.0));
    telemetry.check("full").disk("/", Share::new(0.0, 0.0));
    telemetry.check("gone").disk("/nowhere", Share::DISK);
    telemetry.check("memory").memory(Share::new(1.5, 2.0));
    telemetry.check("swollen").memory(Share::new(0.0, 2.0));
    for (id, expected) in [
        ("disk", "ok"),
        ("full", "full"),
        ("gone", "unreadable"),
        ("memory", "ok"),
        ("swollen", "nearly_full"),
    ] {
        assert_eq!(code(&test, id).await, expected, "{id}");
    }
    telemetry.check("collector").collector();
    assert_eq!(code(&test, "collector").await, "ok", "nothing is pushed");
}

#[test]
fn a_stuck_runtime_is_not_live_until_it_polls_again() {
    let test = with(exact());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let inside = runtime.enter();
    test.telemetry()
        .check("event_loop")
        .event_loop(Lag::new(seconds(1), seconds(30)));
    drop(inside);
    let live = || {
        // Asked on another runtime, as the SDK's own server does.
        let asking = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        asking.block_on(ask(&test, "/live")).status.as_u16()
    };
    runtime.block_on(settle(&test));
    for second in 1..=40 {
        test.clock().advance(seconds(1));
        test.tick();
        assert_eq!(live(), if second > 30 { 503 } else { 200 }, "{second} s");
    }
    runtime.block_on(after(&test, seconds(1)));
    runtime.block_on(after(&test, seconds(1)));
    runtime.block_on(after(&test, seconds(1)));
    assert_eq!(live(), 200);
}
