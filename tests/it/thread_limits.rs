//! A service at its limit of threads, for real: as another user, because root has none, below `prlimit`.
//!
//! `.ci/thread-limits` runs them.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vantage_obs::config::{Environment, Protocol, TelemetrySignal};
use vantage_obs::{Config, Role, Telemetry};

use crate::otlp::receiver::{Behaviour, Receiver};
use crate::otlp::{PROTOCOLS, make_spans};
use crate::processes::child::eventually;

const SCENE: &str = "VANTAGE_TEST_THREAD_LIMITS";
/// The user of the services, `nobody`: it has no other process.
const USER: &str = "65534";
/// Far above what a service needs.
const PLENTY: u32 = 1_000;
const READY: &str = "ready to begin";
const LISTENING: &str = "listening on ";
const SIGNALS: [TelemetrySignal; 3] = [
    TelemetrySignal::Traces,
    TelemetrySignal::Metrics,
    TelemetrySignal::Logs,
];

/// A service that runs as another user, until it is dropped.
struct LimitedService {
    process: Child,
    /// Standard output and standard error.
    lines: [Arc<Mutex<Vec<String>>>; 2],
    _folder: tempfile::TempDir,
}

/// Collects the lines of a stream.
fn collect(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            collected.lock().unwrap().push(line);
        }
    });
    lines
}

/// Copies this binary to where every user may run it.
fn copy_binary(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("service");
    std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    for path in [folder.path(), &path] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    path
}

/// Returns a command that runs as the services' user.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    command.arg(program);
    command
}

impl LimitedService {
    /// Starts a service that pushes to this receiver, by the name of its host.
    fn start(receiver: &Receiver, protocol: Protocol) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = if protocol == Protocol::Grpc {
            "grpc"
        } else {
            "http/protobuf"
        };
        let endpoint = format!("http://localhost:{}", receiver.address().port());
        let mut process = as_user(&copy_binary(&folder))
            .args(["--exact", "thread_limits::run_limited_service"])
            .args(["--nocapture", "--test-threads=1"])
            .current_dir("/")
            .env(SCENE, "1")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = [
            collect(process.stdout.take().unwrap()),
            collect(process.stderr.take().unwrap()),
        ];
        let service = Self {
            process,
            lines,
            _folder: folder,
        };
        eventually("it is ready", || service.count(READY) == 1);
        service
    }

    /// Sets the number of threads that the user may have.
    fn limit_threads(&self, threads: u32) {
        // As that user: root of a container may lack the right to change another's limits.
        let status = as_user("prlimit".as_ref())
            .args(["--pid", &self.process.id().to_string()])
            .arg(format!("--nproc={threads}:{PLENTY}"))
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Lets the service do its next step.
    fn proceed(&mut self) {
        let input = self.process.stdin.as_mut().unwrap();
        input.write_all(b"go\n").unwrap();
    }

    fn all_lines(&self) -> Vec<String> {
        let lines = self.lines.iter();
        lines
            .flat_map(|lines| lines.lock().unwrap().clone())
            .collect()
    }

    /// The number of its lines that contain a text.
    fn count(&self, text: &str) -> usize {
        let mut lines = self.all_lines();
        lines.retain(|line| line.contains(text));
        lines.len()
    }

    fn address(&self) -> Option<SocketAddr> {
        let lines = self.all_lines();
        let mut found = lines.iter().filter_map(|line| line.split_once(LISTENING));
        found.next()?.1.parse().ok()
    }

    /// Status and body of an answer.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address().unwrap()).unwrap();
        let timeout = Some(Duration::from_secs(10));
        stream.set_read_timeout(timeout).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    fn health(&self) -> String {
        let (status, body) = self.get("/api/v1/health");
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["status"].as_str().unwrap().to_owned()
    }

    fn thread_is_up(&self, name: &str) -> Option<bool> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        let labels = [("thread", name)];
        let value = crate::support::sample_with(&text, "vantage_telemetry_thread_up", &labels);
        value.map(|value| value > 0.0)
    }

    fn assert_all_is_delivered(&self, receiver: &Receiver) {
        for signal in SIGNALS {
            let before = receiver.count(signal);
            eventually(&format!("{signal} arrives"), || {
                receiver.count(signal) > before
            });
        }
        eventually("health passes", || self.health() == "pass");
    }
}

impl Drop for LimitedService {
    #[expect(
        clippy::print_stdout,
        reason = "the lines of a service whose test fails"
    )]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            self.all_lines()
                .iter()
                .for_each(|line| println!("service: {line}"));
        }
    }
}

#[test]
#[ignore = "needs another user"]
fn threads_that_are_refused_for_seconds_cost_rounds_and_are_told_once() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut service = LimitedService::start(&receiver, protocol);
        service.proceed();
        eventually("it listens", || service.address().is_some());
        eventually("health passes", || service.health() == "pass");
        service.limit_threads(1);
        // Records from here on: nothing was connected before.
        service.proceed();
        eventually("health warns", || service.health() == "warn");
        assert_eq!(service.get("/api/v1/health/live").0, 200);
        assert_eq!(service.get("/api/v1/health/ready").0, 200);
        let (status, reason) = service.get("/metrics");
        assert_eq!(status, 503, "{reason}");
        assert!(reason.contains("the system refused a thread"), "{reason}");
        eventually("the export fails", || {
            service.count("OTLP export is failing") > 0
        });
        assert!(SIGNALS.iter().all(|signal| receiver.count(*signal) == 0));
        service.limit_threads(PLENTY);
        eventually("it is scraped", || service.get("/metrics").0 == 200);
        service.assert_all_is_delivered(&receiver);
        assert_eq!(service.thread_is_up("vantage-resolve"), Some(true));
        let of_resolver = |text: &str| {
            let mut lines = service.all_lines();
            lines.retain(|line| line.contains(text) && line.contains("vantage-resolve"));
            lines.len()
        };
        assert_eq!(of_resolver("a thread of the telemetry is down"), 1);
        eventually("its end is told", || {
            of_resolver("a thread of the telemetry is up again") == 1
        });
    }
}

#[test]
#[ignore = "needs another user"]
fn a_service_that_gets_no_thread_at_its_start_has_them_later() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut service = LimitedService::start(&receiver, Protocol::Grpc);
    service.limit_threads(1);
    service.proceed();
    eventually("it is set up", || service.address().is_some());
    service.proceed();
    // Not by the log, whose threads are refused too.
    for name in ["vantage-lines", "vantage-sampler", "vantage-export"] {
        eventually("standard error tells", || {
            service.count(&format!("the thread {name} is down")) == 1
        });
    }
    service.limit_threads(PLENTY);
    service.assert_all_is_delivered(&receiver);
    assert_eq!(service.thread_is_up("vantage-sampler"), Some(true));
}

/// In a child, its whole life; nothing in a test.
#[expect(clippy::print_stdout, reason = "its parent reads where it listens")]
#[test]
fn run_limited_service() {
    if std::env::var_os(SCENE).is_none() {
        return;
    }
    let wait = || std::io::stdin().read_line(&mut String::new()).unwrap();
    println!("{READY}");
    wait();
    let mut config = Config::new("limited", Role::Api);
    config.traces.sample_ratio = 1.0;
    config.metrics.otlp.enabled = true;
    config.metrics.otlp.interval = Duration::from_secs(1);
    config.logs.otlp = true;
    config.health.interval = Duration::from_secs(1);
    let environment = Environment::from_process();
    let telemetry = Telemetry::without_globals(config, &environment).unwrap();
    let output = vantage_obs::logs::LogWriter::stdout();
    let layer = telemetry.tracing_layer(output);
    let subscriber =
        tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    println!("{LISTENING}{address}");
    wait();
    loop {
        make_spans(&telemetry, 1);
        tracing::info!("a line of the service");
        std::thread::sleep(Duration::from_millis(100));
    }
}
