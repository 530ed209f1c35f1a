//! Clients that hold what they are given: the server of `http.listen` and `serve` with short limits, over real
//! sockets.

use std::future::Future as _;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role, Telemetry};

const LOOPBACK: &str = "127.0.0.1:0";
const SHORT: Duration = Duration::from_millis(300);
/// What a test waits for at most, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);
const ENDED: &str = "vantage_telemetry_http_ended_connections_total";

fn config() -> Config {
    Config::new("limited", Role::Api).role(Role::Worker)
}

/// Telemetry that is served with limits.
fn served(set: impl FnOnce(&mut Config)) -> (TestTelemetry, SocketAddr) {
    let mut config = config();
    set(&mut config);
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let address = test.telemetry().serve(LOOPBACK.parse().unwrap()).unwrap();
    (test, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn connect_and_send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// The rest of what arrives; a connection that is reset has ended, too.
fn rest(stream: &mut TcpStream) -> String {
    let (mut found, mut buffer) = (Vec::new(), [0; 65_536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => found.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection is still open: {error}"),
        }
    }
    String::from_utf8(found).unwrap()
}

/// One response without `connection: close`, of a known length.
fn response(stream: &mut TcpStream) -> String {
    let (mut found, mut buffer) = (String::new(), [0; 4_096]);
    loop {
        if let Some((head, body)) = found.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.split_once("content-length: ").unwrap().1;
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return found;
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the connection was closed: {found}");
        found.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    rest(&mut connect_and_send(address, &request))
}

fn ended(test: &TestTelemetry, reason: &str) -> Option<f64> {
    test.value(ENDED, &[("reason", reason)])
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::yield_now();
    }
}

/// Writes a byte every so often, until the connection has ended.
fn trickle(stream: &TcpStream) {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(SHORT / 10);
        }
    });
}

#[test]
fn a_head_that_does_not_end_is_given_up_in_time() {
    let (test, address) = served(|config| config.http.header_timeout = SHORT);
    let mut silent = connect(address);
    let mut half = connect_and_send(address, "GET /metrics HTTP/1.1\r\nhost: te");
    let mut trickling = connect_and_send(address, "GET /");
    trickle(&trickling);
    let mut later = connect_and_send(
        address,
        "GET /api/v1/health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    assert!(response(&mut later).starts_with("HTTP/1.1 200"));
    later.write_all(b"GET /api/v1/health/l").unwrap();
    for stream in [&mut silent, &mut half, &mut trickling, &mut later] {
        assert_eq!(rest(stream), "");
    }
    wait_for("the count", || ended(&test, "header_timeout") == Some(4.0));
}

#[test]
fn a_body_that_does_not_end_is_answered_and_given_up_in_time() {
    let (test, address) = served(|config| {
        config.http.body_timeout = SHORT;
        config.heartbeat.open = true;
    });
    let head = "POST /api/v1/workers/publisher-1/heartbeat HTTP/1.1\r\nhost: test\r\n\
        content-type: application/json\r\n";
    for (length, begin) in [
        ("content-length: 4000\r\n\r\n", "{"),
        ("transfer-encoding: chunked\r\n\r\n", "ff0\r\n{"),
    ] {
        for trickles in [false, true] {
            let mut stream = connect_and_send(address, &format!("{head}{length}{begin}"));
            if trickles {
                trickle(&stream);
            }
            let answer = rest(&mut stream);
            assert!(
                answer.starts_with("HTTP/1.1 408 "),
                "{length}{trickles}: {answer}"
            );
            assert!(
                answer.ends_with(r#"{"error":"the body took too long"}"#),
                "{answer}"
            );
        }
    }
    wait_for("the count", || ended(&test, "body_timeout") == Some(4.0));
    // One that ends is none of them.
    let beat = r#"{"boot_id":"a","sequence":1}"#;
    let length = beat.len();
    let request = format!("{head}connection: close\r\ncontent-length: {length}\r\n\r\n{beat}");
    let answer = rest(&mut connect_and_send(address, &request));
    assert!(
        answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(ended(&test, "body_timeout"), Some(4.0));
}

/// Series for a scrape of megabytes, more than sockets take.
fn record_much(test: &TestTelemetry) {
    let meter = test.telemetry().meter("much");
    for number in 0..20 {
        let counter = meter.u64_counter(format!("much.of.it.{number}")).build();
        for kind in 0..1_900 {
            let kind = format!("a kind with a long name, of which there are many: {kind}");
            let labels = [vantage_obs::opentelemetry::KeyValue::new("kind", kind)];
            counter.add(1, &labels);
        }
    }
}

#[test]
fn a_scrape_that_is_not_read_is_given_up_in_time() {
    let (test, address) = served(|config| config.http.write_timeout = SHORT);
    record_much(&test);
    let request = "GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let whole = get(address, "/metrics");
    assert!(whole.len() > 3_000_000, "{}", whole.len());
    let mut unread = connect_and_send(address, request);
    let mut trickling = connect_and_send(address, request);
    wait_for("the count", || {
        let _ = trickling.read(&mut [0; 256]).unwrap();
        ended(&test, "write_timeout") == Some(2.0)
    });
    for stream in [&mut unread, &mut trickling] {
        let part = rest(stream);
        assert!(part.len() < whole.len() / 2, "{}", part.len());
    }
    assert_eq!(
        get(address, "/metrics").lines().last(),
        whole.lines().last()
    );
}

#[test]
fn a_connection_is_kept_for_the_next_request_and_no_longer() {
    let (test, address) = served(|config| config.http.idle_timeout = SHORT);
    let mut stream = connect(address);
    for _ in 0..2 {
        let request = "GET /api/v1/health/live HTTP/1.1\r\nhost: test\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        assert!(response(&mut stream).starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(rest(&mut stream), "");
    wait_for("the count", || ended(&test, "idle_timeout") == Some(1.0));
}

#[test]
fn heads_have_a_largest_size_and_number_of_fields() {
    let (_test, address) = served(|_| {});
    let path = "GET /api/v1/health/live HTTP/1.1\r\n";
    let close = "connection: close\r\n\r\n";
    let long_host = format!("{path}host: {}\r\n{close}", "a".repeat(200_000));
    let many = format!("{path}host: a\r\n{}{close}", "x: y\r\n".repeat(100));
    let endless = format!("GET /{} HTTP/1.1\r\n{close}", "a".repeat(200_000));
    for request in [long_host, many, endless] {
        let mut stream = connect(address);
        // The answer may come before all of it is sent.
        let _ = stream.write_all(request.as_bytes());
        let answer = rest(&mut stream);
        let status = answer.split(' ').nth(1);
        assert!(matches!(status, Some("431" | "414") | None), "{answer}");
    }
    let fine = format!(
        "{path}host: {}\r\n{}{close}",
        "a".repeat(8_000),
        "x: y\r\n".repeat(90)
    );
    let answer = rest(&mut connect_and_send(address, &fine));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_probe_is_answered_beside_those_who_hoard_connections() {
    let (test, address) = served(|config| config.http.max_connections = 8);
    record_much(&test);
    let live = "GET /api/v1/health/live HTTP/1.1\r\nhost: test\r\n\r\n";
    let half = || connect_and_send(address, "GET / HTTP");
    let idle = || {
        let mut stream = connect_and_send(address, live);
        response(&mut stream);
        stream
    };
    let unread = || connect_and_send(address, "GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n");
    let hoarders: [&dyn Fn() -> TcpStream; 3] = [&half, &idle, &unread];
    let mut evicted = 0.0;
    for hoard in hoarders {
        let held: Vec<_> = (0..20).map(|_| hoard()).collect();
        for _ in 0..20 {
            let answer = get(address, "/api/v1/health/live");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        let now = ended(&test, "evicted").unwrap();
        assert!(now > evicted + 5.0, "{now} after {evicted}");
        evicted = now;
        drop(held);
    }
}

#[test]
fn idle_connections_make_room_before_others() {
    let (test, address) = served(|config| config.http.max_connections = 3);
    let live = "GET /api/v1/health/live HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut half = connect_and_send(address, "GET /api/v1/health/live HTTP/1.1\r\n");
    let [mut first, mut second] = [(); 2].map(|()| {
        let mut stream = connect_and_send(address, live);
        response(&mut stream);
        stream
    });
    let mut third = connect_and_send(address, live);
    response(&mut third);
    assert_eq!(rest(&mut first), "", "it was idle for the longest time");
    assert_eq!(ended(&test, "evicted"), Some(1.0));
    half.write_all(b"host: a\r\n\r\n").unwrap();
    second.write_all(live.as_bytes()).unwrap();
    for stream in [&mut half, &mut second] {
        assert!(response(stream).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn a_shutdown_ends_in_time_whatever_its_clients_do() {
    let (test, address) = served(|_| {});
    record_much(&test);
    let mut silent = connect(address);
    let mut half = connect_and_send(address, "GET /metrics HTTP/1.1\r\nhost: te");
    let _unread = connect_and_send(address, "GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut idle = connect_and_send(
        address,
        "GET /api/v1/health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    response(&mut idle);
    let start = Instant::now();
    test.telemetry().shutdown_blocking().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    for stream in [&mut silent, &mut half, &mut idle] {
        assert_eq!(rest(stream), "");
    }
    assert!(TcpStream::connect(address).is_err());
}

/// A metric whose callback, when it is called for the first time, says so and waits for a word.
struct SlowMetric {
    calls: Arc<AtomicU64>,
    started: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

impl SlowMetric {
    fn register(telemetry: &Telemetry) -> Self {
        let calls = Arc::new(AtomicU64::new(0));
        let (say, started) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let (count, wait) = (Arc::clone(&calls), Mutex::new(wait));
        let meter = telemetry.meter("slow");
        meter
            .u64_observable_gauge("slow.calls")
            .with_callback(move |observer| {
                let call = count.fetch_add(1, Ordering::Relaxed) + 1;
                if call == 1 {
                    say.send(()).unwrap();
                    wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                }
                observer.observe(call, &[]);
            })
            .build();
        Self {
            calls,
            started,
            go_on,
        }
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scrapers_share_the_rendering_that_begins_after_their_request_and_no_older_one() {
    let test = TestTelemetry::new();
    let slow = SlowMetric::register(test.telemetry());
    let router: axum::Router = test.telemetry().routes();
    let scrape = |accept: &str, encoding: &str| {
        let request = Request::get("/metrics")
            .header("accept", accept)
            .header("accept-encoding", encoding);
        let request = request.body(Body::empty()).unwrap();
        let mut answer = Box::pin(router.clone().oneshot(request));
        // Once, as a server does when the request arrives.
        let polled = answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        answer
    };
    let body = async |answer| {
        let answer: http::Response<Body> = answer;
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let first = scrape("text/plain", "identity");
    slow.started.recv_timeout(PATIENCE).unwrap();
    test.telemetry().business().record_ai_generation("late");
    let late: Vec<_> = (0..64).map(|_| scrape("text/plain", "identity")).collect();
    let gone: Vec<_> = (0..64).map(|_| scrape("text/plain", "identity")).collect();
    let compressed: Vec<_> = (0..64).map(|_| scrape("text/plain", "gzip")).collect();
    let open_metrics = scrape("application/openmetrics-text", "identity");
    drop(gone);
    slow.go_on.send(()).unwrap();
    let recorded = "vantage_business_ai_generations_total{generation_kind=\"late\"} 1";
    body(first.await.unwrap()).await;
    let mut texts = Vec::new();
    for answer in late {
        texts.push(body(answer.await.unwrap()).await);
    }
    let text = String::from_utf8(texts[0].to_vec()).unwrap();
    assert!(text.contains(recorded), "recorded before the request came");
    assert!(texts.iter().all(|other| *other == texts[0]));
    let mut archives = Vec::new();
    for answer in compressed {
        archives.push(body(answer.await.unwrap()).await);
    }
    assert!(archives.iter().all(|other| *other == archives[0]));
    let mut decoded = String::new();
    flate2::read::GzDecoder::new(&archives[0][..])
        .read_to_string(&mut decoded)
        .unwrap();
    assert_eq!(decoded, text, "one rendering has both forms");
    let text = body(open_metrics.await.unwrap()).await;
    assert!(text.ends_with(b"# EOF\n"));
    assert_eq!(
        slow.calls(),
        3,
        "the first, one for all in text, one in OpenMetrics"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendering_that_nobody_waits_for_is_not_made() {
    let test = TestTelemetry::new();
    let slow = SlowMetric::register(test.telemetry());
    let router: axum::Router = test.telemetry().routes();
    let scrape = || {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let mut answer = Box::pin(router.clone().oneshot(request));
        let polled = answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        answer
    };
    let first = scrape();
    slow.started.recv_timeout(PATIENCE).unwrap();
    drop((0..8).map(|_| scrape()).collect::<Vec<_>>());
    slow.go_on.send(()).unwrap();
    assert_eq!(first.await.unwrap().status(), 200);
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 200);
    assert_eq!(slow.calls(), 2);
}

#[test]
fn sixty_four_scrapers_at_once_cost_a_few_renderings() {
    let (test, address) = served(|_| {});
    let slow = SlowMetric::register(test.telemetry());
    let request = "GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let mut first = connect_and_send(address, request);
    slow.started.recv_timeout(PATIENCE).unwrap();
    let scrapers = (0..64).map(|_| connect_and_send(address, request));
    let mut scrapers: Vec<_> = scrapers.collect();
    // A probe that came later is answered: so were those before it taken in.
    assert!(get(address, "/api/v1/health/live").starts_with("HTTP/1.1 200 "));
    slow.go_on.send(()).unwrap();
    for stream in std::iter::once(&mut first).chain(&mut scrapers) {
        assert!(rest(stream).contains("\nslow_calls "));
    }
    assert!((2..=4).contains(&slow.calls()), "{}", slow.calls());
}

/// Two ports of a child process with few descriptors: that of the telemetry, and the service's own.
struct FewDescriptors {
    process: std::process::Child,
    stdin: std::process::ChildStdin,
    telemetry: SocketAddr,
    own: SocketAddr,
    log: Arc<Mutex<String>>,
}

const FEW: &str = "VANTAGE_TEST_FEW_DESCRIPTORS";

impl FewDescriptors {
    fn start() -> Self {
        // The shell's own limit, which its successor inherits.
        let mut process = Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "server_limits::run_with_few_descriptors"])
            .args(["--nocapture", "--test-threads=1"])
            .env(FEW, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let found = lines.find_map(|line| {
                let line = line.unwrap();
                Some(line.split_once(name)?.1.parse().unwrap())
            });
            found.expect("the child listens")
        };
        let (telemetry, own) = (address("telemetry at "), address("own at "));
        let log = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines {
                *told.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        Self {
            stdin: process.stdin.take().unwrap(),
            process,
            telemetry,
            own,
            log,
        }
    }

    /// The times that a text was logged.
    fn told(&self, text: &str) -> usize {
        self.log.lock().unwrap().matches(text).count()
    }
}

impl Drop for FewDescriptors {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a child, its whole life; nothing in a test.
#[cfg(unix)]
#[expect(clippy::print_stdout, reason = "its parent reads where it listens")]
#[test]
fn run_with_few_descriptors() {
    if std::env::var(FEW).is_err() {
        return;
    }
    let telemetry = vantage_obs::init(config()).unwrap();
    let address = telemetry.serve(LOOPBACK.parse().unwrap()).unwrap();
    let own = TcpListener::bind(LOOPBACK).unwrap();
    println!("telemetry at {address}");
    println!("own at {}", own.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let to_drop = Arc::clone(&kept);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines() {
            to_drop.lock().unwrap().clear();
        }
    });
    for stream in own.incoming() {
        // Without a descriptor, its clients get nothing.
        let Ok(mut stream) = stream else {
            std::thread::sleep(SHORT / 30);
            continue;
        };
        let _ = stream.write_all(b"HTTP/1.1 200 own\r\n\r\n");
        let mut byte = [0];
        let _ = stream.read(&mut byte);
        if byte == *b"k" {
            kept.lock().unwrap().push(stream);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_service_with_few_descriptors_keeps_most_of_them() {
    let few = FewDescriptors::start();
    let hoard: Vec<_> = (0..100)
        .map(|_| connect_and_send(few.telemetry, "GET / HTTP"))
        .collect();
    for _ in 0..20 {
        assert_eq!(get(few.own, "/"), "HTTP/1.1 200 own\r\n\r\n");
        let live = get(few.telemetry, "/api/v1/health/live");
        assert!(live.starts_with("HTTP/1.1 200 "), "{live}");
    }
    let metrics = get(few.telemetry, "/metrics");
    let evicted = format!("{ENDED}{{reason=\"evicted\"}} ");
    let evicted = metrics.lines().find_map(|line| line.strip_prefix(&evicted));
    let evicted: usize = evicted.expect("some made room").parse().unwrap();
    assert!(evicted >= 100 - 64 / 4, "{evicted}");
    drop(hoard);
    let told = |text: &str| few.told(text);
    wait_for("a line", || told("as many connections as it may") == 1);
    for _ in 0..8 {
        get(few.telemetry, "/api/v1/health/live");
    }
    wait_for("its end", || told("has places for connections again") == 1);
    assert_eq!(told("as many connections as it may"), 1, "once");
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_without_descriptors_is_told_of_and_answers_as_soon_as_there_are_some() {
    let mut few = FewDescriptors::start();
    assert!(get(few.telemetry, "/api/v1/health/live").starts_with("HTTP/1.1 200 "));
    let kept: Vec<_> = (0..64).map(|_| connect_and_send(few.own, "k")).collect();
    // Those that come before the last descriptor is taken are answered; one is accepted by the system alone.
    let request = "GET /api/v1/health/live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let mut probe = connect_and_send(few.telemetry, request);
    wait_for("a line", || {
        if few.told("can't accept connections") > 0 {
            return true;
        }
        probe = connect_and_send(few.telemetry, request);
        std::thread::sleep(SHORT / 10);
        false
    });
    // Many tries, of which there is no line.
    std::thread::sleep(SHORT);
    few.stdin.write_all(b"drop them\n").unwrap();
    assert!(rest(&mut probe).starts_with("HTTP/1.1 200 "));
    // One of each, unless a file that was closed in between left a descriptor.
    let told =
        || ["can't accept connections", "accepts connections again"].map(|text| few.told(text));
    wait_for("its end", || told()[0] == told()[1]);
    assert!(told()[0] <= 3, "{:?}", told());
    drop(kept);
}
