//! Load for minutes: memory stays flat, and the counters are those of a client that counts for itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vantage_obs::config::Environment;
use vantage_obs::{Config, Role, Telemetry};

use super::client::memory;
use super::duration;
use crate::processes::child::{ChildProcess, report_listening};
use crate::support::named;

const SCENE: &str = "VANTAGE_TEST_LOAD";
const CONNECTIONS: u64 = 16;
/// Requests of each connection a second: 2,000 together.
const RATE: u64 = 125;
/// Method, path, route and status of the requests, which take turns.
const REQUESTS: [(&str, &str, &str, &str); 4] = [
    ("GET", "/posts/7", "/posts/{id}", "200"),
    ("POST", "/posts", "/posts", "201"),
    ("GET", "/missing", "/missing", "404"),
    ("GET", "/broken", "/broken", "500"),
];

/// The requests that were answered, by their place in [`REQUESTS`].
type Answered = Arc<[AtomicU64; REQUESTS.len()]>;

/// Sends requests at the rate until the time is up.
async fn send_requests(address: SocketAddr, time: Duration, answered: Answered) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(RATE).unwrap());
    let started = Instant::now();
    for (index, (method, path, _, status)) in REQUESTS.iter().enumerate().cycle() {
        if started.elapsed() >= time {
            return;
        }
        ticks.tick().await;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        answered[index].fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads one answer, whose bodies here are `ok` or empty.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 1_024];
        let length = stream.read(&mut part).await.unwrap();
        assert!(length > 0, "the connection ended");
        answer.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
    }
}

#[test]
#[ignore = "needs .ci/failures"]
fn under_load_memory_is_flat_and_every_request_is_counted() {
    let time = duration(Duration::from_secs(30), Duration::from_secs(120));
    let edge = time / 6;
    let service = ChildProcess::start_test("failures::load::run_service", &[(SCENE, "1")]);
    let (address, process) = (service.address(), service.id());
    let answered: Answered = Arc::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let samples = runtime.block_on(async {
        // What is used for the first time takes its memory once.
        send_requests(address, Duration::from_secs(3), Arc::clone(&answered)).await;
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(send_requests(address, time, Arc::clone(&answered))))
            .collect();
        let (started, mut samples) = (Instant::now(), Vec::new());
        while started.elapsed() < time {
            tokio::time::sleep(Duration::from_millis(500)).await;
            samples.push((started.elapsed(), memory(process, "VmRSS")));
            // Scraped as it is in life.
            tokio::task::block_in_place(|| service.get("/metrics"));
        }
        for client in clients {
            client.await.unwrap();
        }
        samples
    });

    let mean = |samples: Vec<u64>| samples.iter().sum::<u64>() / samples.len() as u64;
    let within = |from: Duration, to: Duration| {
        let inside = samples.iter().filter(|(at, _)| (from..to).contains(at));
        mean(inside.map(|(_, memory)| *memory).collect())
    };
    let (first, last) = (within(Duration::ZERO, edge), within(time - edge, time * 2));
    let sent: u64 = answered
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .sum();
    #[expect(clippy::print_stderr, reason = "the figures of a measurement")]
    {
        let rate = sent / time.as_secs();
        eprintln!(
            "{sent} requests, {rate} a second; {first} kB in the first {edge:?}, {last} kB in the last"
        );
    }
    let text = service.get("/metrics").1;
    for ((method, _, route, status), count) in REQUESTS.iter().zip(answered.iter()) {
        let counted: f64 = named(&text, "vantage_api_requests_total")
            .iter()
            .filter(|sample| {
                let has = |name: &str, value: &str| sample.labels[name] == value;
                has("http_request_method", method)
                    && has("http_route", route)
                    && has("http_response_status_code", status)
            })
            .map(|sample| sample.value)
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let count = count.load(Ordering::Relaxed) as f64;
        let differs = (counted - count).abs() > f64::EPSILON;
        assert!(!differs, "{counted} of {count}: {method} {route} {status}");
    }
    assert!(
        last * 100 <= first * 105,
        "{first} kB at first, {last} kB at last"
    );
}

/// In a child, its whole life; nothing in a test.
#[test]
fn run_service() {
    if std::env::var(SCENE).is_err() {
        return;
    }
    let mut config = Config::new("loaded", Role::Api);
    config.traces.sample_ratio = 1.0;
    let telemetry = Telemetry::without_globals(config, &Environment::from_process()).unwrap();
    let app = Router::new()
        .route("/posts/{id}", get(|| async { "ok" }))
        .route("/posts", post(|| async { StatusCode::CREATED }))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .layer(telemetry.http_layer())
        .merge(telemetry.routes());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        report_listening(listener.local_addr().unwrap());
        let connections = telemetry.count_connections(app.into_make_service());
        axum::serve(listener, connections).await.unwrap();
    });
}
