//! A child process of a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use vantage_obs::config::Environment;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role, Telemetry};

const KIND: &str = "VANTAGE_TEST_KIND";
const WORKER: &str = "VANTAGE_TEST_WORKER";
const READY: &str = "listening on ";

/// The role of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChildRole {
    Api,
    Worker,
}

/// A running child; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    process: std::process::Child,
    address: SocketAddr,
}

impl ChildProcess {
    /// Starts one with these variables alone, and waits until it listens.
    pub(crate) fn start(kind: ChildRole, variables: &[(&str, &str)]) -> Self {
        let kind = format!("{kind:?}");
        let variables = [&[(KIND, kind.as_str())], variables].concat();
        Self::start_test("processes::child::run_child", &variables)
    }

    /// Starts one that is this test, which reports where it listens by [`report_listening`].
    pub(crate) fn start_test(test: &str, variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .args(["--nocapture", "--test-threads=1"])
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
        // Read on, or it would die of its own words.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            address: address.expect("the child listens"),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Without a word, as the system does when memory is short.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As systemd and Kubernetes ask; it must end well.
    pub(crate) fn terminate(&mut self) {
        let id = self.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(signalled.success());
        assert!(self.process.wait().unwrap().success());
    }

    /// Status and body of an answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.request(&format!("GET {path} HTTP/1.1"), "")
    }

    /// Status of the answer of a worker that is to be forgotten.
    pub(crate) fn forget(&self, worker: &str, token: &str) -> u16 {
        let authorization = format!("authorization: Bearer {token}\r\n");
        let line = format!("DELETE /api/v1/workers/{worker} HTTP/1.1");
        self.request(&line, &authorization).0
    }

    fn request(&self, line: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let timeout = Some(Duration::from_secs(10));
        stream.set_read_timeout(timeout).unwrap();
        let head = format!("{line}\r\nhost: test\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// Returns the worker as the route shows it.
    pub(crate) fn worker_view(&self, worker: &str) -> Value {
        let (_, body) = self.get(&format!("/api/v1/workers/{worker}/heartbeat"));
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Its state; empty where it is unknown.
    pub(crate) fn state(&self, worker: &str) -> String {
        self.worker_view(worker)["state"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tells the parent where a child listens.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
pub(crate) fn report_listening(address: SocketAddr) {
    println!("{READY}{address}");
}

/// In a child, its whole life; nothing in a test.
#[test]
fn run_child() {
    let Ok(kind) = std::env::var(KIND) else {
        return;
    };
    let role = if kind == "Api" {
        Role::Api
    } else {
        Role::Worker
    };
    let config = Config::new("child", role).version("1.0");
    let telemetry = Telemetry::without_globals(config, &Environment::from_process()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        report_listening(address);
        tokio::select! {
            _ = terminate.recv() => {}
            () = run_jobs(&telemetry), if kind == "Worker" => {}
        }
        telemetry.shutdown().await.unwrap();
    });
}

async fn run_jobs(telemetry: &Telemetry) {
    let worker = telemetry.worker(&std::env::var(WORKER).unwrap());
    loop {
        let job = worker.start("publish_post", SystemTime::now(), &Carrier::EMPTY);
        tokio::time::sleep(Duration::from_millis(20)).await;
        job.succeed();
        telemetry.business().record_posts_published(1);
    }
}
