//! What can only be seen in a process of its own: the threads that are left, and the one log that a
//! process has. Each test runs itself again in a child.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::config::{Compression, Protocol, TelemetrySignal};
use vantage_obs::logs::LogWriter;

use super::broken_receiver::BrokenReceiver;
use super::receiver::{Behaviour, Message, Receiver, text};
use super::{PROTOCOLS, config, make_spans, start};

const CHILD: &str = "VANTAGE_TEST_CHILD";

/// Whether this is the child; otherwise runs it, and fails as it does.
fn in_child(test: &str) -> bool {
    in_child_with(test, &[])
}

/// The same for a child with these variables.
fn in_child_with(test: &str, variables: &[(&str, &str)]) -> bool {
    output_of_child(test, variables).is_none()
}

/// The text that the child wrote to standard output, or `None` in the child.
fn output_of_child(test: &str, variables: &[(&str, &str)]) -> Option<String> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let name = format!("otlp::alone::{test}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .envs(variables.iter().copied())
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{test} failed alone: {said}");
    let ran = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(ran.contains("1 passed"), "{name} is no test: {ran}");
    Some(ran)
}

/// The names of our threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with("vantage"))
        .collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_flushes_of_each_failing_receiver_leave_no_thread_behind() {
    if !in_child("a_hundred_flushes_of_each_failing_receiver_leave_no_thread_behind") {
        return;
    }
    let broken = [
        BrokenReceiver::refuses(),
        BrokenReceiver::silent(),
        BrokenReceiver::never_connects(),
        BrokenReceiver::garbage(),
    ];
    let receivers = [
        Receiver::start(Behaviour::Slow(Duration::from_secs(30))),
        Receiver::start(Behaviour::Unavailable),
        Receiver::start(Behaviour::Throttled(Some(Duration::from_secs(3600)))),
    ];
    let endpoints: Vec<_> = broken
        .iter()
        .map(BrokenReceiver::endpoint)
        .chain(receivers.iter().map(Receiver::endpoint))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for endpoint in endpoints {
        for protocol in PROTOCOLS {
            let mut config = config(&endpoint, protocol);
            config.metrics.otlp.enabled = true;
            config.otlp.timeout = Duration::from_millis(25);
            config.otlp.shutdown_timeout = Duration::from_millis(10);
            let telemetry = start(config);
            make_spans(&telemetry, 5);
            runtime.block_on(async {
                for _ in 0..100 {
                    assert!(telemetry.flush().await.is_err());
                }
            });
            // Each loop has one thread; metrics are collected on one for each of the two providers.
            // A thread bears the name of the one that starts it until it has set its own.
            until("each thread is one of these", || {
                let (collections, mut loops): (Vec<_>, Vec<_>) = threads()
                    .into_iter()
                    .partition(|name| name == "vantage-collect");
                let count = loops.len();
                loops.sort_unstable();
                loops.dedup();
                loops.len() == count && collections.len() <= 2
            });
            let _ = telemetry.shutdown_blocking();
            drop(telemetry);
            until("the threads have ended", || threads().is_empty());
        }
    }
}

/// The log of the process: keeps what we say above debug.
#[derive(Clone, Debug)]
struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    then: fn(),
}

#[derive(Clone, Debug, Default)]
struct Line {
    fields: BTreeMap<String, String>,
    thread: String,
}

impl Log {
    /// Becomes the log; `then` is done with each line of the exporter's.
    fn install(then: fn()) -> Self {
        let log = Self {
            lines: Arc::default(),
            then,
        };
        tracing::subscriber::set_global_default(log.clone()).unwrap();
        log
    }

    /// What was said of the export.
    fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.to_string(), format!("{value:?}"));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("vantage_obs::export")
            && *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            thread: thread::current().name().unwrap_or_default().to_owned(),
            ..Line::default()
        };
        event.record(&mut line);
        self.lines.lock().unwrap().push(line);
        (self.then)();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn the_log_hears_once_that_the_export_is_down_and_once_that_it_is_back() {
    if !in_child("the_log_hears_once_that_the_export_is_down_and_once_that_it_is_back") {
        return;
    }
    let log = Log::install(|| {});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for protocol in PROTOCOLS {
        log.lines.lock().unwrap().clear();
        let receiver = Receiver::start(Behaviour::Accept);
        let with_user = format!("http://ops:secret@{}", receiver.address());
        let mut config = config(&with_user, protocol);
        config.traces.batch.queue_size = 10;
        config.traces.batch.size = 10;
        let telemetry = start(config);
        let flush = || runtime.block_on(telemetry.flush());
        make_spans(&telemetry, 3);
        flush().unwrap();
        assert!(log.lines().is_empty(), "a first success is no news");

        receiver.behave(Behaviour::Unavailable);
        make_spans(&telemetry, 3);
        for _ in 0..10 {
            assert!(flush().is_err());
        }
        make_spans(&telemetry, 14); // 4 find the queue full
        receiver.behave(Behaviour::Accept);
        for _ in 0..3 {
            flush().unwrap();
        }
        until("both lines are written", || log.lines().len() >= 2);
        telemetry.shutdown_blocking().unwrap();
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:#?}");
        let (down, back) = (&lines[0].fields, &lines[1].fields);
        assert!(down["message"].contains("is failing"), "{down:?}");
        assert!(down["cause"].contains("the disk is full"), "{down:?}");
        assert_eq!(down["signal"], "traces");
        assert!(back["message"].contains("works again"), "{back:?}");
        assert_eq!(back["lost"], "4");
        let said = format!("{lines:?}");
        assert!(said.contains("http://***@127.0.0.1"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_log_that_blocks_holds_up_neither_export_nor_shutdown() {
    if !in_child("a_log_that_blocks_holds_up_neither_export_nor_shutdown") {
        return;
    }
    let log = Log::install(|| {
        loop {
            thread::park();
        }
    });
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Unavailable);
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 3);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert!(runtime.block_on(telemetry.flush()).is_err());
        until("the log is stuck", || !log.lines().is_empty());
        receiver.behave(Behaviour::Accept);
        let started = Instant::now();
        telemetry.shutdown_blocking().unwrap();
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(receiver.spans().len(), 3);
    }
}

#[test]
fn a_log_that_panics_ends_nothing() {
    if !in_child("a_log_that_panics_ends_nothing") {
        return;
    }
    let log = Log::install(|| panic!("standard output is closed"));
    let receiver = Receiver::start(Behaviour::Unavailable);
    let telemetry = start(config(&receiver.endpoint(), Protocol::Grpc));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    make_spans(&telemetry, 3);
    assert!(runtime.block_on(telemetry.flush()).is_err());
    receiver.behave(Behaviour::Accept);
    assert!(runtime.block_on(telemetry.flush()).is_ok());
    until("both lines were tried", || log.lines().len() == 2);
    let threads: Vec<_> = log.lines().into_iter().map(|line| line.thread).collect();
    assert_eq!(threads, ["vantage-lines"; 2]);
    make_spans(&telemetry, 3);
    telemetry.shutdown_blocking().unwrap();
    assert_eq!(receiver.spans().len(), 6);
}

/// Variables that would send everything elsewhere, and make it unreadable.
const HOSTILE: [(&str, &str); 15] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no address at all"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
    ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "carrier pigeon"),
    (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "content-encoding=gzip,content-type=text/html,x-hostile=1,authorization=stolen,user-agent=evil",
    ),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-hostile=2,te=none"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"),
    ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "brotli"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "never"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
];

#[test]
fn variables_that_the_configuration_did_not_read_change_no_request() {
    let test = "variables_that_the_configuration_did_not_read_change_no_request";
    if !in_child_with(test, &HOSTILE) {
        return;
    }
    for protocol in PROTOCOLS {
        for compression in [Compression::Gzip, Compression::None] {
            let receiver = Receiver::start(Behaviour::Accept);
            let mut config = config(&receiver.endpoint(), protocol);
            config.otlp.compression = compression;
            config.metrics.otlp.enabled = true;
            config.logs.otlp = true;
            let telemetry = start(config);
            make_spans(&telemetry, 3);
            let layer = telemetry.tracing_layer(LogWriter::from_writer(std::io::sink()));
            let log = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(log, || tracing::info!("an invoice was sent"));
            let report = telemetry.shutdown_blocking().unwrap();
            for (signal, items) in [
                (TelemetrySignal::Traces, Some(3)),
                (TelemetrySignal::Logs, Some(1)),
                (TelemetrySignal::Metrics, None),
            ] {
                let exported = report.signal(signal).unwrap().exported;
                assert_eq!(exported, receiver.count(signal), "{signal}");
                assert!(exported > 0 && items.is_none_or(|items| items == exported));
            }
            for arrival in receiver.arrivals() {
                assert_eq!(arrival.protocol, protocol);
                for name in ["x-hostile", "authorization"] {
                    assert_eq!(arrival.headers.get(name), None, "{protocol}");
                }
                let agent = &arrival.headers["user-agent"];
                assert!(agent.starts_with("vantage-obs/"), "{agent}");
                assert!(agent.contains(" OTel-OTLP-Exporter-Rust/"), "{agent}");
            }
        }
    }
}

#[test]
fn a_record_of_the_log_crate_is_a_line_and_a_record_with_its_own_target() {
    const NAME: &str = "a_record_of_the_log_crate_is_a_line_and_a_record_with_its_own_target";
    if let Some(output) = output_of_child(NAME, &[("RUST_LOG", "info,noisy=off,chatty=debug")]) {
        let lines = output.lines().filter(|line| line.starts_with("{\""));
        let lines: Vec<serde_json::Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &serde_json::Value| line["message"].as_str().unwrap().ends_with('!'))
            .collect();
        let described: Vec<_> = lines
            .iter()
            .map(|line| {
                let text = |key: &str| line[key].as_str().unwrap();
                (text("level"), text("target"), text("message"))
            })
            .collect();
        let expected = [
            ("error", "dependency::part", "broken 7!"),
            ("debug", "chatty", "wanted!"),
            ("info", "it::otlp::alone", "inside!"),
        ];
        assert_eq!(described, expected);
        assert!(
            lines.iter().all(|line| line.get("fields").is_none()),
            "{lines:?}"
        );
        assert_eq!(lines[2]["spans"][0]["name"], "publish");
        return;
    }
    let receiver = Receiver::start(Behaviour::Accept);
    let mut config = config(&receiver.endpoint(), Protocol::Grpc);
    config.logs.otlp = true;
    config.logs.output = vantage_obs::config::LogOutput::Stdout;
    let telemetry = vantage_obs::init(config).unwrap();
    assert_eq!(log::max_level(), log::LevelFilter::Debug);
    log::error!(target: "dependency::part", "broken {}!", 7);
    log::warn!(target: "noisy", "unwanted!");
    log::debug!(target: "other", "unwanted!");
    log::debug!(target: "chatty", "wanted!");
    tracing::info_span!("publish").in_scope(|| log::info!("inside!"));
    telemetry.log_levels().set("error").unwrap();
    // The spans of traces have a level of their own.
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    log::warn!(target: "other", "unwanted!");
    telemetry.shutdown_blocking().unwrap();
    let body = |record: &LogRecord| text(record.body.clone());
    let mut records: Vec<_> = receiver
        .arrivals()
        .into_iter()
        .filter_map(|arrival| match arrival.message {
            Message::Logs(request) => Some(request.resource_logs),
            _ => None,
        })
        .flatten()
        .flat_map(|logs| logs.scope_logs)
        .flat_map(|logs| logs.log_records)
        .filter(|record| body(record).ends_with('!'))
        .collect();
    records.sort_by_key(body);
    let bodies: Vec<_> = records.iter().map(body).collect();
    assert_eq!(bodies, ["broken 7!", "inside!", "wanted!"]);
    assert!(
        records.iter().all(|record| record.attributes.is_empty()),
        "{records:?}"
    );
    assert!(records[1].trace_id.iter().any(|byte| *byte != 0));
    assert!(records[0].trace_id.is_empty());
}
