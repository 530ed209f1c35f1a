//! A service whose standard output is a pipe that nobody reads, full from its start.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vantage_obs::{Config, Role};

use super::child::eventually;

const SCENE: &str = "VANTAGE_TEST_STALLED_OUTPUT";
/// A probe gives up after a second.
const PROBE: Duration = Duration::from_secs(1);

struct StalledService {
    process: Child,
    address: SocketAddr,
}

impl StalledService {
    fn start() -> Self {
        // Free a moment ago; the child can't say where it listens.
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::stalled_output::run_stalled_service"])
            .args(["--nocapture", "--test-threads=1"])
            .env(SCENE, "1")
            .env("VANTAGE_OBS_LISTEN", address.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, address }
    }

    fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, PROBE)?;
        stream.set_read_timeout(Some(PROBE))?;
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

impl Drop for StalledService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_standard_output_that_is_full_costs_lines_and_nothing_else() {
    let mut service = StalledService::start();
    let is_live = |response: String| response.starts_with("HTTP/1.1 200 ");
    eventually("it listens", || {
        service.get("/api/v1/health/live").is_ok_and(is_live)
    });
    for _ in 0..20 {
        assert!(is_live(service.get("/api/v1/health/live").unwrap()));
        std::thread::sleep(Duration::from_millis(10));
    }
    let lost = |response: String| {
        let mut lines = response.lines();
        let sample =
            lines.find_map(|line| line.strip_prefix("vantage_telemetry_log_lines_lost_total "));
        sample.is_some_and(|value| value.parse::<f64>().unwrap() > 0.0)
    };
    eventually("lines are lost and counted", || {
        service.get("/metrics").is_ok_and(lost)
    });
    let id = service.process.id().to_string();
    let signalled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    let asked = Instant::now();
    assert!(signalled.success());
    eventually("it ends", || service.process.try_wait().unwrap().is_some());
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    // `otlp.shutdown_timeout`, and a busy machine.
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
}

/// Writes until the pipe takes no more; the thread that tries stays where it is.
fn fill_standard_output() {
    let written = Arc::new(AtomicUsize::new(0));
    let pipe = io::stdout().as_fd().try_clone_to_owned().unwrap();
    let count = Arc::clone(&written);
    std::thread::spawn(move || {
        let mut pipe = std::fs::File::from(pipe);
        while let Ok(taken) = pipe.write(&[b'\n'; 512]) {
            count.fetch_add(taken, Ordering::Relaxed);
        }
    });
    let mut before = None;
    while before != Some(written.load(Ordering::Relaxed)) {
        before = Some(written.load(Ordering::Relaxed));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// In a child, its whole life; nothing in a test.
#[test]
fn run_stalled_service() {
    if std::env::var_os(SCENE).is_none() {
        return;
    }
    fill_standard_output();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let telemetry = vantage_obs::init(Config::new("stalled", Role::Api)).unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = ticks.tick() => (0..100).for_each(|line| tracing::info!(line, "from a handler")),
            }
        }
        telemetry.shutdown().await.unwrap();
    });
    // The end of a test writes to standard output itself.
    std::process::exit(0);
}
