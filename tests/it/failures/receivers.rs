//! Hostile OTLP receivers: a service that pushes to one loses what it can't deliver, and neither memory nor requests.
//!
//! Each receiver has a service of its own, a process whose memory is measured from outside, and all run at the same
//! time. The peak is compared with that of a service whose receiver accepts everything.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};
use vantage_obs::config::{Environment, Protocol};
use vantage_obs::{Config, Role, Telemetry};

use super::client::memory;
use super::duration;
use crate::otlp::receiver::{Behaviour, Receiver};
use crate::processes::child::{ChildProcess, report_listening};

/// Of the receiver, in the environment of a child.
const ENDPOINT: &str = "VANTAGE_TEST_OTLP_ENDPOINT";
const PROTOCOL: &str = "VANTAGE_TEST_OTLP_PROTOCOL";
/// The memory that a hostile receiver may cost beyond a good one.
const ALLOWANCE_KB: u64 = 8 * 1_024;
/// A span each of so many milliseconds, a thousand a second.
const SPANS_PER_TICK: usize = 10;
const TICK: Duration = Duration::from_millis(10);

/// A receiver's reaction to a connection.
type Reaction = fn(&mut TcpStream) -> io::Result<()>;

/// A hostile receiver: its name, its protocol and scheme, and what it does with a connection.
struct Hostile(&'static str, Kind, Reaction);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Grpc,
}

use Kind::{Grpc, Http, Https};

const HOSTILE: [Hostile; 24] = [
    Hostile("never reads", Http, hold),
    Hostile("reads and never answers", Http, |stream| {
        io::copy(stream, &mut io::sink()).map(drop)
    }),
    // With unread data, which is a reset.
    Hostile("resets", Http, |_| Ok(())),
    Hostile("reads and closes", Http, read_request),
    Hostile("answers with garbage", Http, |stream| {
        answer(stream, &[0xba; 65_536])
    }),
    Hostile("answers with garbage after a head", Http, |stream| {
        answer(stream, b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff")
    }),
    Hostile("drips its head", Http, |stream| {
        drip(stream, b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")
    }),
    Hostile("drips its body", Http, |stream| {
        drip(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
            b"x",
        )
    }),
    Hostile("answers without an end", Http, |stream| {
        flood(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n",
            &[0; 65_536],
        )
    }),
    Hostile("answers in chunks without an end", Http, |stream| {
        flood(
            stream,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &chunk(),
        )
    }),
    Hostile("refuses without an end", Http, |stream| {
        flood(
            stream,
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 99999999999999\r\n\r\n",
            &[b'x'; 65_536],
        )
    }),
    Hostile("sends headers without an end", Http, |stream| {
        flood(
            stream,
            b"HTTP/1.1 200 OK\r\n",
            b"x-header: of a receiver that is not well\r\n",
        )
    }),
    Hostile("sends one header without an end", Http, |stream| {
        flood(stream, b"HTTP/1.1 200 OK\r\nx: ", &[b'x'; 65_536])
    }),
    Hostile("goes on without an end", Http, |stream| {
        flood(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    }),
    Hostile("redirects to itself", Http, |stream| {
        answer(
            stream,
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/traces\r\ncontent-length: 0\r\n\r\n",
        )
    }),
    Hostile("redirects elsewhere", Http, |stream| {
        answer(stream, b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n")
    }),
    Hostile("answers with a gzip bomb", Http, |stream| {
        flood(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n",
            &gzip_bomb_chunk(),
        )
    }),
    Hostile("throttles for ever", Http, |stream| {
        answer(stream, b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 99999999999999999999\r\ncontent-length: 0\r\n\r\n")
    }),
    Hostile("asks to come back in the past", Http, |stream| {
        answer(
            stream,
            b"HTTP/1.1 503 Service Unavailable\r\nretry-after: -1\r\ncontent-length: 0\r\n\r\n",
        )
    }),
    Hostile("answers a handshake with garbage", Https, |stream| {
        answer(stream, &[0x16; 65_536])
    }),
    Hostile("never answers a handshake", Https, hold),
    Hostile("answers HTTP/2 with garbage", Grpc, |stream| {
        answer(stream, &[0xba; 65_536])
    }),
    // An empty SETTINGS frame, and each has to be acknowledged.
    Hostile("sends settings without an end", Grpc, |stream| {
        flood(stream, b"", &[0, 0, 0, 4, 0, 0, 0, 0, 0])
    }),
    Hostile("announces a message of four gigabytes", Grpc, |stream| {
        // SETTINGS, the head 200 of stream 1 by the static table, and data of a message that never ends.
        let head = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
        let data = [
            [0, 0, 9, 0, 0, 0, 0, 0, 1].as_slice(),
            &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
        ]
        .concat();
        flood(stream, &head, &data)
    }),
];

/// Leaves the connection open until the peer ends it, and reads nothing.
fn hold(stream: &mut TcpStream) -> io::Result<()> {
    let mut one = [0];
    loop {
        thread::sleep(Duration::from_millis(50));
        if stream.peek(&mut one)? == 0 {
            return Ok(());
        }
    }
}

/// Reads what comes at once: the head, and the beginning of the body.
fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    stream.read(&mut [0; 65_536]).map(drop)
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    read_request(stream)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)
}

fn drip(stream: &mut TcpStream, head: &[u8], rest: &[u8]) -> io::Result<()> {
    read_request(stream)?;
    stream.write_all(head)?;
    for byte in rest.iter().cycle() {
        thread::sleep(Duration::from_millis(20));
        stream.write_all(&[*byte])?;
    }
    Ok(())
}

/// Writes without an end, as fast as it is read, but for one connection only as much as fills any memory.
fn flood(stream: &mut TcpStream, head: &[u8], rest: &[u8]) -> io::Result<()> {
    const ENOUGH: usize = 1 << 30;
    read_request(stream)?;
    stream.write_all(head)?;
    for _ in 0..ENOUGH / rest.len() {
        stream.write_all(rest)?;
    }
    Ok(())
}

fn chunk() -> Vec<u8> {
    [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat()
}

/// A chunk with sixteen megabytes of zeros, which are sixteen kilobytes of gzip.
fn gzip_bomb_chunk() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 16 << 20]).unwrap();
    let body = encoder.finish().unwrap();
    [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()
}

/// Starts a receiver, and returns its address and the number of its connections.
fn listen(reaction: Reaction) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&connections);
    // It ends with the process.
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || reaction(&mut connection));
        }
    });
    (address, connections)
}

fn start(kind: Kind, address: SocketAddr) -> ChildProcess {
    let (scheme, protocol) = match kind {
        Http => ("http", "http/protobuf"),
        Https => ("https", "http/protobuf"),
        Grpc => ("http", "grpc"),
    };
    let endpoint = format!("{scheme}://{address}");
    let variables = [(ENDPOINT, endpoint.as_str()), (PROTOCOL, protocol)];
    ChildProcess::start_test("failures::receivers::run_service", &variables)
}

#[test]
#[ignore = "needs .ci/failures"]
fn hostile_receivers_cost_neither_memory_nor_a_probe() {
    let time = duration(Duration::from_secs(15), Duration::from_secs(120));
    let good = Receiver::start(Behaviour::Accept);
    let reference = start(Http, good.address());
    let services: Vec<_> = HOSTILE
        .iter()
        .filter(|Hostile(_, kind, _)| *kind != Https || cfg!(feature = "tls"))
        .map(|Hostile(name, kind, reaction)| {
            let (address, connections) = listen(*reaction);
            (name, start(*kind, address), connections)
        })
        .collect();
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    while started.elapsed() < time {
        for (name, service, _) in &services {
            let asked = Instant::now();
            assert_eq!(service.get("/api/v1/health/live").0, 200, "{name}");
            slowest = slowest.max(asked.elapsed());
        }
    }
    let peak = |service: &ChildProcess| memory(service.id(), "VmHWM");
    let allowed = peak(&reference) + ALLOWANCE_KB;
    let mut faults = Vec::new();
    for (name, service, connections) in &services {
        let (peak, now) = (peak(service), memory(service.id(), "VmRSS"));
        let connections = connections.load(Ordering::Relaxed);
        note(&format!(
            "{name}: {connections} connections, {now} kB, at most {peak} kB"
        ));
        // It was met, and not hammered.
        let per_second = connections / time.as_secs().max(1);
        if peak > allowed || connections == 0 || per_second > 20 {
            faults.push(format!(
                "{name}: {peak} kB of {allowed} kB, {connections} connections"
            ));
        }
    }
    note(&format!(
        "a good one: at most {} kB; slowest probe {slowest:?}",
        peak(&reference)
    ));
    assert!(faults.is_empty(), "{faults:#?}");
}

#[expect(clippy::print_stderr, reason = "the figures of a measurement")]
fn note(figures: &str) {
    eprintln!("{figures}");
}

/// In a child, its whole life; nothing in a test.
#[test]
fn run_service() {
    let (Ok(endpoint), Ok(protocol)) = (std::env::var(ENDPOINT), std::env::var(PROTOCOL)) else {
        return;
    };
    let mut config = Config::new("pushes", Role::Api);
    config.otlp.endpoint = Some(endpoint.parse().unwrap());
    config.otlp.protocol = if protocol == "grpc" {
        Protocol::Grpc
    } else {
        Protocol::HttpProtobuf
    };
    config.otlp.timeout = Duration::from_secs(2);
    config.traces.sample_ratio = 1.0;
    config.metrics.otlp.enabled = true;
    config.metrics.otlp.interval = Duration::from_secs(1);
    config.metrics.otlp.timeout = Duration::from_secs(1);
    let telemetry = Telemetry::without_globals(config, &Environment::from_process()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    report_listening(address);
    let uri = "http://billing:8080/invoices/7".parse().unwrap();
    // Until it is killed.
    loop {
        for _ in 0..SPANS_PER_TICK {
            telemetry
                .http_call(&Method::GET, &uri, &mut HeaderMap::new())
                .complete(StatusCode::OK);
        }
        thread::sleep(TICK);
    }
}
