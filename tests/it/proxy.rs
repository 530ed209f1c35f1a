//! The proxy of the environment, by way of which every HTTP client of a process goes. The process is a child,
//! because variables are those of a whole process.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};

use vantage_obs::config::{Environment, HeartbeatSink, Protocol};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role, Telemetry};

const CHILD: &str = "VANTAGE_OBS_TEST_PROXIED";
const VARIABLES: [&str; 8] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
];
/// `user:p@ss` in base64.
const CREDENTIALS: &str = "Basic dXNlcjpwQHNz";

/// A request that the proxy was to forward.
#[derive(Debug)]
struct Forwarded {
    /// Method, absolute URL and version.
    line: String,
    headers: BTreeMap<String, String>,
}

/// Listens, and answers every request itself, with an empty object.
fn start_proxy() -> (u16, Receiver<Forwarded>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || answer(&stream, &sender));
        }
    });
    (port, requests)
}

fn answer(mut stream: &TcpStream, sender: &Sender<Forwarded>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let header = |line: String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
    let length = headers.get("content-length");
    let length = length.map_or(Some(0), |length| length.parse().ok())?;
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2";
    let response = format!("{head}\r\nconnection: close\r\n\r\n{{}}");
    stream.write_all(response.as_bytes()).ok()?;
    sender.send(Forwarded { line, headers }).ok()
}

#[test]
fn otlp_heartbeats_and_the_fleets_queries_go_by_way_of_the_proxy_of_the_environment() {
    let (port, requests) = start_proxy();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "proxy::run_child", "--nocapture"]);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    let mut child = command
        .env(CHILD, "1")
        .env("HTTP_PROXY", format!("http://user:p%40ss@127.0.0.1:{port}"))
        .env("no_proxy", "not.example")
        .spawn()
        .unwrap();
    let mut missing = vec![
        (
            "POST http://collector.example:4318/v1/metrics HTTP/1.1",
            "collector.example:4318",
        ),
        (
            "POST http://api.example:8080/api/v1/workers/w1/heartbeat HTTP/1.1",
            "api.example:8080",
        ),
        (
            "CONNECT traces.example:4317 HTTP/1.1",
            "traces.example:4317",
        ),
        (
            "GET http://prometheus.example:9090/api/v1/query?",
            "prometheus.example:9090",
        ),
    ];
    while !missing.is_empty() {
        let request = requests.recv_timeout(Duration::from_secs(30));
        let request = request.unwrap_or_else(|_| panic!("no request to {missing:?}"));
        assert_eq!(request.headers["proxy-authorization"], CREDENTIALS);
        missing.retain(|(line, host)| {
            let is_it = request.line.starts_with(line);
            assert!(!is_it || request.headers["host"] == *host, "{request:?}");
            !is_it
        });
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn run_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let mut config = Config::new("proxied", Role::Worker);
    config.otlp.endpoint = Some("http://collector.example:4318".parse().unwrap());
    config.otlp.protocol = Protocol::HttpProtobuf;
    config.otlp.traces.endpoint = Some("http://traces.example:4317".parse().unwrap());
    config.otlp.traces.protocol = Some(Protocol::Grpc);
    config.traces.sample_ratio = 1.0;
    config.metrics.otlp.enabled = true;
    config.metrics.otlp.interval = Duration::from_secs(1);
    config.heartbeat.sink = HeartbeatSink::Http;
    config.heartbeat.endpoint = Some("http://api.example:8080".parse().unwrap());
    config.slo.prometheus.url = Some("http://prometheus.example:9090".parse().unwrap());
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let worker = telemetry.worker("w1");
    let job = worker.start("digest", SystemTime::now(), &Carrier::EMPTY);
    job.succeed();
    // Until it is killed.
    std::thread::sleep(Duration::from_secs(60));
}
