//! The latency of liveness beside 16 readers of one document, of a service with 240 incidents: on the
//! server of the library, and merged into a runtime of a service with two workers.
//!
//! Each line names the document, how many answers of it were read in a second, their size, the latency of
//! liveness, and how much worse its slowest is than beside as many readers of liveness itself: those take the
//! processors, too, and render nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use vantage_obs::config::{Environment, Role};
use vantage_obs::incidents::{NewIncident, NewUpdate};
use vantage_obs::status::{ComponentState, IncidentStatus};
use vantage_obs::{Config, Telemetry};

const INCIDENTS: usize = 240;
const READERS: usize = 16;
const LIVENESS: &str = "/api/v1/health/live";
const PAUSE: Duration = Duration::from_millis(2);

/// A document, and the path of each request for it; `{n}` is another number each time.
const DOCUMENTS: [(&str, &str, &str); 11] = [
    (LIVENESS, LIVENESS, "own"),
    ("feed", "/status/feed.atom", "own"),
    ("feed, a host each", "/status/feed.atom", "host-{n}.example"),
    (
        "v2 incidents, a host each",
        "/api/v2/incidents.json",
        "host-{n}.example",
    ),
    ("v2 summary", "/api/v2/summary.json", "own"),
    ("status", "/status", "own"),
    ("history", "/status/history", "own"),
    ("objectives", "/status/slo", "own"),
    ("objectives, JSON", "/api/v1/slo", "own"),
    ("unknown incidents", "/status/incidents/{n}", "own"),
    ("workers", "/api/v1/workers/health?limit=1000", "own"),
];

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(5));
    let telemetry = busy_service();
    let own = telemetry
        .serve(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    measure_all("the library's server", own, time);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let app = Router::new().merge(telemetry.routes());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a free port");
    let merged = listener.local_addr().expect("bound");
    runtime.spawn(async { axum::serve(listener, app).await });
    measure_all("merged into a runtime of two workers", merged, time);
}

/// Returns the telemetry of a service with incidents, objectives and workers.
fn busy_service() -> Telemetry {
    let config = Config::new("bench", Role::Api);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).expect("valid");
    let incidents = telemetry.incidents();
    while incidents.status().is_none() {
        thread::sleep(Duration::from_millis(100));
    }
    for number in 0..INCIDENTS {
        let body = format!("{number}: we are looking into it. ").repeat(10);
        let incident = NewIncident::new(format!("Requests are slow, part {number}"), body)
            .component("api", ComponentState::DegradedPerformance);
        let id = incidents.open_blocking(incident).expect("valid");
        for status in [IncidentStatus::Identified, IncidentStatus::Resolved] {
            let update = NewUpdate::new("The cause is known, and it is this one. ".repeat(8));
            let update = update.status(status);
            incidents.update_blocking(id, update).expect("valid");
        }
    }
    telemetry
}

fn measure_all(name: &str, address: SocketAddr, time: Duration) {
    println!("-- {name}: liveness beside {READERS} readers");
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "document", "answers/s", "bytes", "p50 ms", "p99 ms", "max ms", "ratio"
    );
    let mut control = None;
    for (name, path, host) in DOCUMENTS {
        let load = measure(address, (path, host), time);
        let control = *control.get_or_insert(load.max);
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!(
            "{name:<28} {:>9.0} {:>9} {:>9.2} {:>9.2} {:>9.2} {:>7.2}",
            load.answers as f64 / time.as_secs_f64(),
            load.bytes / load.answers.max(1),
            millis(load.p50),
            millis(load.p99),
            millis(load.max),
            load.max.as_secs_f64() / control.as_secs_f64()
        );
    }
}

struct Load {
    answers: u64,
    bytes: u64,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

fn measure(address: SocketAddr, request: (&str, &str), time: Duration) -> Load {
    let (answers, bytes, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut latencies = thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                while !ended.load(Ordering::Relaxed) {
                    let number = answers.fetch_add(1, Ordering::Relaxed).to_string();
                    let (path, host) = request;
                    let path = path.replace("{n}", &format!("{number:0>12}"));
                    let read = connection.get(&path, &host.replace("{n}", &number));
                    bytes.fetch_add(read, Ordering::Relaxed);
                }
            });
        }
        let prober = scope.spawn(|| {
            let mut connection = Connection::open(address);
            let (since, mut latencies) = (Instant::now(), Vec::new());
            while since.elapsed() < time {
                let asked = Instant::now();
                connection.get(LIVENESS, "own");
                latencies.push(asked.elapsed());
                thread::sleep(PAUSE);
            }
            ended.store(true, Ordering::Relaxed);
            latencies
        });
        prober.join().expect("it does not panic")
    });
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 1_000];
    Load {
        answers: answers.into_inner(),
        bytes: bytes.into_inner(),
        p50: at(500),
        p99: at(990),
        max: at(1_000),
    }
}

/// A connection that is kept.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    /// Reads an answer, and returns the size of its body.
    fn get(&mut self, path: &str, host: &str) -> u64 {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        self.0
            .get_mut()
            .write_all(request.as_bytes())
            .expect("it reads");
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("it answers");
            let lower = line.trim_end().to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            if lower.is_empty() {
                break;
            }
        }
        let mut body = (&mut self.0).take(length);
        std::io::copy(&mut body, &mut std::io::sink()).expect("it answers")
    }
}
