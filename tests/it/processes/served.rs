//! A process that serves an app as it is documented, and what ends it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use vantage_obs::{Config, Role};

use super::child::eventually;

const SERVED: &str = "VANTAGE_TEST_SERVED";
const READY: &str = "serving at ";

/// No test waits so long, unless it fails.
const LIMIT: Duration = Duration::from_secs(30);

/// A process under test; it is killed when this is dropped.
struct ServedProcess {
    process: Child,
    address: SocketAddr,
    /// Its lines after the first; disconnected when it has ended.
    lines: Receiver<String>,
}

impl ServedProcess {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::served::run_child"])
            .args(["--nocapture", "--test-threads=1"])
            .env(SERVED, "1")
            .env_remove("KUBERNETES_SERVICE_HOST")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once(READY)?;
            Some(address.parse().unwrap())
        });
        let (sender, received) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            process,
            address: address.expect("it serves"),
            lines: received,
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let signalled = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(signalled.success());
    }

    fn connect(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    }

    /// Returns the answer to a request; empty where nobody answers.
    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = write!(
                stream,
                "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    }

    /// Waits for its end, and returns the message of the last line of its log.
    fn last_message(mut self) -> String {
        let mut last = None;
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            // What the test harness prints is no JSON.
            let line = serde_json::from_str::<serde_json::Value>(&line);
            last = line.ok().or(last);
        }
        assert!(
            self.process
                .try_wait()
                .unwrap()
                .is_some_and(|status| status.success())
                || self.process.wait().unwrap().success()
        );
        let line = last.expect("a line of its log");
        assert_eq!(line["target"], "vantage_obs");
        line["message"].as_str().unwrap().to_owned()
    }
}

impl Drop for ServedProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_client_that_holds_half_a_request_does_not_hold_the_process() {
    for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
        let served = ServedProcess::start(&[]);
        let _half = served.connect("GET /quick HTTP/1.1\r\nhost: te");
        let _silent = served.connect("");
        assert!(served.get("/quick").ends_with("a post"));
        served.signal(signal);
        let message = served.last_message();
        let begin = format!("stopped by {name} in ");
        let end = ": 0 requests finished, 0 cut off; no scrape was awaited; nothing is pushed";
        assert!(
            message.starts_with(&begin) && message.ends_with(end),
            "{message}"
        );
    }
}

#[test]
fn a_second_signal_ends_at_once_what_the_first_waits_for() {
    let patient = [
        ("VANTAGE_OBS_HTTP_SHUTDOWN_TIMEOUT", "1h"),
        ("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "0s"),
    ];
    let served = ServedProcess::start(&patient);
    let mut never = served.connect("GET /never HTTP/1.1\r\nhost: test\r\n\r\n");
    eventually("it is active", || {
        let active =
            "http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 1";
        served.get("/metrics").contains(active)
    });
    served.signal("-TERM");
    eventually("no request is begun any more", || {
        served.get("/quick").starts_with("HTTP/1.1 503")
    });
    assert!(served.get("/metrics").starts_with("HTTP/1.1 200"));
    served.signal("-TERM");
    let message = served.last_message();
    assert!(message.contains(" finished, 1 cut off; "), "{message}");
    let mut answer = String::new();
    never.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[test]
fn a_second_signal_ends_the_delay() {
    let served = ServedProcess::start(&[("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "1h")]);
    // It listens for signals once it answers.
    assert!(served.get("/quick").ends_with("a post"));
    served.signal("-TERM");
    eventually("it drains", || {
        served
            .get("/api/v1/health")
            .contains(r#"{"status":"fail","draining":true}"#)
    });
    assert!(served.get("/quick").ends_with("a post"));
    served.signal("-INT");
    let message = served.last_message();
    assert!(message.starts_with("stopped by SIGTERM in "), "{message}");
}

/// In a child, its whole life; nothing in a test.
#[expect(clippy::print_stdout, reason = "its parent reads where it serves")]
#[test]
fn run_child() {
    if std::env::var(SERVED).is_err() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let telemetry = vantage_obs::init(Config::new("served", Role::Api)).unwrap();
        let app = Router::new()
            .route("/quick", get(|| async { "a post" }))
            .route(
                "/never",
                get(|| async { std::future::pending::<()>().await }),
            )
            .layer(telemetry.http_layer())
            .merge(telemetry.routes());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{READY}{}", listener.local_addr().unwrap());
        telemetry.serve_app(listener, app).await.unwrap();
    });
}
