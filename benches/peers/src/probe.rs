//! Probes of a service whose dependency hangs for ever: 5,000 a second for 10 s, over loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vantage_obs::config::{Environment, Role};
use vantage_obs::health::Finding;
use vantage_obs::{Config, Telemetry};

use crate::alloc;

const RATE: u64 = 5_000;
const CONNECTIONS: u64 = 10;
const DURATION: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(1);
const PATHS: [&str; 5] = ["", "/ready", "/live", "/startup", "/ready?verbose"];
/// The most change of memory, in bytes: buffers of connections and threads come and go. If each of
/// the 50,000 probes left a hundred bytes, it would be 5 MB.
const MAX_MEMORY_CHANGE: i64 = 256 * 1024;

pub(crate) fn run() {
    println!(
        "-- probes while a dependency hangs: {RATE}/s for {} s",
        DURATION.as_secs()
    );
    let mut config = Config::new("bench", Role::Worker);
    (config.health.interval, config.health.timeout) = (INTERVAL, INTERVAL / 5);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).expect("valid");
    let calls = Arc::new(AtomicU64::new(0));
    let (call_counter, blocked) = (Arc::clone(&calls), Arc::new(AtomicU64::new(0)));
    telemetry.health_check("hangs").critical().run(move || {
        call_counter.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<Finding>()
    });
    let blocked_calls = Arc::clone(&blocked);
    telemetry
        .health_check("blocks")
        .run_blocking(move || -> Finding {
            blocked_calls.fetch_add(1, Ordering::Relaxed);
            loop {
                std::thread::park();
            }
        });
    let address = telemetry
        .serve(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    // Until the first deadline is over and every buffer has grown.
    drop(load(address, Duration::from_secs(2)));
    let mut latencies = Vec::new();
    let (before, since) = (calls.load(Ordering::Relaxed), Instant::now());
    let resident = resident();
    let held = alloc::held_growth(|| latencies = load(address, DURATION));
    let (dependency_calls, elapsed) = (calls.load(Ordering::Relaxed) - before, since.elapsed());
    let held = held - i64::try_from(latencies.capacity() * size_of::<u64>()).expect("small");
    let resident_growth = self::resident() - resident;

    latencies.sort_unstable();
    let percentile = |share: usize| latencies[(latencies.len() - 1) * share / 1_000] as f64 / 1e3;
    println!("{:58} {:>12}", "answered", latencies.len());
    for (name, share) in [
        ("p50", 500),
        ("p99", 990),
        ("p99.9", 999),
        ("longest", 1_000),
    ] {
        println!("{name:58} {:>12.1} us", percentile(share));
    }
    println!(
        "{:58} {dependency_calls:>12} in {:.1} s",
        "calls of the dependency that hangs",
        elapsed.as_secs_f64()
    );
    println!(
        "{:58} {:>12}",
        "calls of the one that blocks its thread",
        blocked.load(Ordering::Relaxed)
    );
    println!(
        "{:58} {held:>12} bytes held, {resident_growth} resident",
        "memory"
    );
    assert!(percentile(990) < 5_000.0, "p99 is 5 ms or more");
    assert!(dependency_calls as f64 <= elapsed.as_secs_f64() / INTERVAL.as_secs_f64() + 1.0);
    assert_eq!(blocked.load(Ordering::Relaxed), 1);
    assert!(held.abs() < MAX_MEMORY_CHANGE, "memory is not flat");
}

/// Each probe's time in nanoseconds, from when it was due: one that waits for a slow one counts.
fn load(address: SocketAddr, duration: Duration) -> Vec<u64> {
    let started = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| std::thread::spawn(move || probe(address, started, number, duration)))
        .collect();
    let mut all = Vec::with_capacity(usize::try_from(RATE * duration.as_secs()).expect("small"));
    for client in clients {
        all.extend(client.join().expect("every probe is answered"));
    }
    all
}

fn probe(address: SocketAddr, started: Instant, number: u64, duration: Duration) -> Vec<u64> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut answers = BufReader::new(stream.try_clone().expect("a descriptor"));
    let (mut latencies, mut line, mut body) = (Vec::new(), String::new(), Vec::new());
    let step = Duration::from_secs(CONNECTIONS) / u32::try_from(RATE).expect("small");
    let mut due = started + step * u32::try_from(number).expect("small") / 10;
    while due < started + duration {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let path = PATHS[latencies.len() % PATHS.len()];
        write!(
            stream,
            "GET /api/v1/health{path} HTTP/1.1\r\nhost: bench\r\n\r\n"
        )
        .expect("open");
        let mut length = 0;
        loop {
            line.clear();
            answers.read_line(&mut line).expect("open");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        answers.read_exact(&mut body).expect("open");
        latencies.push(u64::try_from(due.elapsed().as_nanos()).expect("short"));
        due += step;
    }
    latencies
}

/// Memory in RAM, in bytes; 0 where the platform does not say.
fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}
