use std::io::{self, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;

use super::call_sites::MAX_CALL_SITES;
use super::*;
use crate::background::Supervisor;
use crate::config::{LogFormat, LogsConfig};
use crate::export::logs::{LogWriter, layer};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A bridge with call sites of its own.
fn bridge() -> LogBridge {
    LogBridge {
        call_sites: Box::leak(Box::default()),
        writers: LogWriters::new(Supervisor::default()),
    }
}

/// Runs `work` with a bridge to a log of its own; returns the lines.
fn written(format: LogFormat, level: &str, work: impl FnOnce(&LogBridge)) -> String {
    let (sink, settings) = (
        Sink::default(),
        LogsConfig {
            format,
            level: level.parse().unwrap(),
            ..LogsConfig::default()
        },
    );
    let output = LogWriter::from_writer(sink.clone());
    let (layer, _) = layer(&settings, "s", output.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || work(&bridge()));
    assert!(output.flush(Duration::from_secs(10)));
    let written = sink.0.lock().unwrap().clone();
    String::from_utf8(written).unwrap()
}

fn objects(level: &str, work: impl FnOnce(&LogBridge)) -> Vec<Value> {
    let text = written(LogFormat::Json, level, work);
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

/// Logs from a place of the code.
fn log(bridge: &LogBridge, level: log::Level, target: &str, place: (&str, u32), message: &str) {
    let mut record = Record::builder();
    record.level(level).target(target).module_path(Some(target));
    record.file(Some(place.0)).line(Some(place.1));
    bridge.log(&record.args(format_args!("{message}")).build());
}

#[test]
fn a_record_is_a_line_with_its_own_target_and_level_and_no_more_fields() {
    let lines = objects("info", |bridge| {
        log(
            bridge,
            log::Level::Error,
            "a::b",
            ("a/b.rs", 7),
            "broken: \"x\"",
        );
        log(bridge, log::Level::Info, "a::b", ("a/b.rs", 8), "whole");
        log(bridge, log::Level::Debug, "a::b", ("a/b.rs", 9), "unwanted");
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, level, message) in [
        (&lines[0], "error", "broken: \"x\""),
        (&lines[1], "info", "whole"),
    ] {
        assert_eq!(line["level"], level);
        assert_eq!(line["target"], "a::b");
        assert_eq!(line["message"], message);
        assert_eq!(line.get("fields"), None);
    }
    let text = written(LogFormat::Text, "info", |bridge| {
        log(bridge, log::Level::Warn, "a::b", ("a/b.rs", 10), "half");
    });
    assert!(text.ends_with("WARN  a::b: half\n"), "{text}");
}

#[test]
fn a_record_is_filtered_by_its_own_target() {
    let lines = objects("warn,wanted=debug,log=trace,noisy=off", |bridge| {
        for (line, target) in ["wanted::part", "other", "noisy", "hyper"]
            .iter()
            .enumerate()
        {
            for level in log::Level::iter() {
                let place = ("filter.rs", line as u32 * 10 + level as u32);
                log(bridge, level, target, place, target);
            }
        }
    });
    let found: Vec<_> = lines
        .iter()
        .map(|line| format!("{} {}", line["target"], line["level"]).replace('"', ""))
        .collect();
    let expected = [
        "wanted::part error",
        "wanted::part warn",
        "wanted::part info",
        "wanted::part debug",
        "other error",
        "other warn",
        "hyper error",
        "hyper warn",
    ];
    assert_eq!(found, expected);
}

#[test]
fn one_place_may_log_at_several_levels_and_for_several_targets() {
    let lines = objects("info", |bridge| {
        for target in ["a", "b", "a"] {
            for level in [log::Level::Debug, log::Level::Warn, log::Level::Error] {
                log(bridge, level, target, ("same.rs", 1), "x");
            }
        }
    });
    let targets: Vec<_> = lines
        .iter()
        .map(|line| line["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["a", "a", "b", "b", "a", "a"]);
}

#[test]
fn a_record_in_a_span_has_the_span_and_its_trace() {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };
    let context = SpanContext::new(
        TraceId::from(0x4bf9),
        SpanId::from(0xf0),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let context = opentelemetry::Context::new().with_remote_span_context(context);
    let lines = objects("info", |bridge| {
        let _trace = context.attach();
        let _span = tracing::info_span!("publish", user = "ada").entered();
        log(bridge, log::Level::Info, "db", ("db.rs", 1), "inserted");
    });
    assert_eq!(lines[0]["trace_id"], format!("{:032x}", 0x4bf9));
    assert_eq!(lines[0]["span_id"], format!("{:016x}", 0xf0));
    assert_eq!(lines[0]["spans"][0]["name"], "publish");
}

#[test]
fn levels_that_change_hold_for_places_that_logged_before() {
    let lines = objects("error", |bridge| {
        let info = || log(bridge, log::Level::Info, "later", ("later.rs", 1), "x");
        info();
        tracing::callsite::rebuild_interest_cache();
        info();
    });
    assert_eq!(lines.len(), 0);
    let settings = LogsConfig::default();
    let sink = Sink::default();
    let output = LogWriter::from_writer(sink.clone());
    let (layer, levels) = layer(&settings, "s", output.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let bridge = bridge();
        for level in ["info", "info,later=off", "debug"] {
            levels.set(level).unwrap();
            log(&bridge, log::Level::Debug, "later", ("later.rs", 2), "x");
            log(&bridge, log::Level::Info, "later", ("later.rs", 3), "x");
        }
    });
    assert!(output.flush(Duration::from_secs(10)));
    assert_eq!(
        sink.0
            .lock()
            .unwrap()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        3
    );
}

/// Interest is that of all subscribers of a process, so that this plays in one without those of other tests.
#[test]
fn what_nothing_wants_is_not_enabled() {
    const ALONE: &str = "VANTAGE_OBS_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let (_, module) = module_path!().split_once("::").unwrap();
        let test = format!("{module}::what_nothing_wants_is_not_enabled");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &test, "--test-threads=1"]);
        let outcome = command.env(ALONE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&outcome.stdout);
        assert!(
            outcome.status.success() && text.contains("1 passed"),
            "{text}"
        );
        return;
    }
    objects("warn,wanted=debug", |bridge| {
        for (target, level, expected) in [
            ("wanted", log::Level::Debug, true),
            ("wanted", log::Level::Trace, false),
            ("other", log::Level::Warn, true),
            ("other", log::Level::Info, false),
        ] {
            let metadata = Metadata::builder().target(target).level(level).build();
            assert_eq!(bridge.enabled(&metadata), expected, "{target} {level}");
        }
    });
}

#[test]
fn places_past_the_limit_and_long_targets_keep_their_target_in_a_field() {
    let long = "x".repeat(257);
    let lines = objects("info", |bridge| {
        log(bridge, log::Level::Info, &long, ("x.rs", 1), "long");
        for place in 0..MAX_CALL_SITES as u32 + 1 {
            log(bridge, log::Level::Info, "a", ("x.rs", place), "x");
        }
        log(bridge, log::Level::Warn, "a", ("x.rs", 1_000_000), "late");
        log(bridge, log::Level::Info, "a", ("x.rs", 7), "known");
    });
    assert_eq!(lines.len(), MAX_CALL_SITES + 4);
    let described: Vec<_> = [0, 1, MAX_CALL_SITES, MAX_CALL_SITES + 1]
        .into_iter()
        .chain(MAX_CALL_SITES + 2..lines.len())
        .map(|index| {
            let line = &lines[index];
            let field = line["fields"]["log.target"].as_str();
            (line["target"].as_str().unwrap(), field.unwrap_or_default())
        })
        .collect();
    let expected = [
        ("log", long.as_str()),
        ("a", ""),
        ("a", ""),
        ("log", "a"),
        ("log", "a"),
        ("a", ""),
    ];
    assert_eq!(described, expected);
}

#[test]
fn a_record_by_way_of_tracing_log_is_a_line_with_its_own_target_too() {
    let lines = objects("info", |_| {
        tracing::event!(
            name: "log record",
            target: "log",
            tracing::Level::WARN,
            log.target = "a::b",
            log.module_path = "a::b",
            log.file = "a/b.rs",
            log.line = 31_u64,
            "half"
        );
        tracing::warn!(target: "log", { log.target = "mine" }, "an event of that target");
    });
    assert_eq!(lines[0]["target"], "a::b");
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["message"], "half");
    assert_eq!(lines[0].get("fields"), None);
    assert_eq!(lines[1]["target"], "log");
    assert_eq!(lines[1]["fields"]["log.target"], "mine");
}

#[test]
fn a_message_that_logs_is_no_trap() {
    struct Logs<'a>(&'a LogBridge);
    impl std::fmt::Display for Logs<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            log(
                self.0,
                log::Level::Info,
                "inner",
                ("inner.rs", 1),
                "from within",
            );
            f.write_str("shown")
        }
    }
    let lines = objects("info", |bridge| {
        let mut record = Record::builder();
        record.level(log::Level::Info).target("outer");
        bridge.log(&record.args(format_args!("{}", Logs(bridge))).build());
    });
    let mut messages: Vec<_> = lines.iter().map(|line| line["message"].clone()).collect();
    messages.sort_by_key(Value::to_string);
    assert_eq!(messages, ["shown"].map(Value::from));
}

#[test]
fn every_level_of_tracing_has_its_counterpart() {
    for (tracing, log) in [
        (LevelFilter::OFF, log::LevelFilter::Off),
        (LevelFilter::ERROR, log::LevelFilter::Error),
        (LevelFilter::WARN, log::LevelFilter::Warn),
        (LevelFilter::INFO, log::LevelFilter::Info),
        (LevelFilter::DEBUG, log::LevelFilter::Debug),
        (LevelFilter::TRACE, log::LevelFilter::Trace),
    ] {
        assert_eq!(max_level(tracing), log);
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use opentelemetry::logs::{AnyValue, Severity};
    use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Records(Arc<Mutex<Vec<SdkLogRecord>>>);

    impl LogProcessor for Records {
        fn emit(&self, record: &mut SdkLogRecord, _: &opentelemetry::InstrumentationScope) {
            self.0.lock().unwrap().push(record.clone());
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
    }

    fn records(work: impl FnOnce(&LogBridge)) -> Vec<SdkLogRecord> {
        let records = Records::default();
        let provider = SdkLoggerProvider::builder().with_log_processor(records.clone());
        let layer = OpenTelemetryTracingBridge::new(&provider.build());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || work(&bridge()));
        std::mem::take(&mut *records.0.lock().unwrap())
    }

    #[test]
    fn a_record_has_its_own_target_and_no_attributes() {
        let records = records(|bridge| {
            log(bridge, log::Level::Error, "a::b", ("a/b.rs", 21), "broken");
        });
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].target().map(AsRef::as_ref), Some("a::b"));
        assert_eq!(records[0].event_name(), Some("event a/b.rs:21"));
        assert_eq!(records[0].severity_number(), Some(Severity::Error));
        assert_eq!(records[0].body(), Some(&AnyValue::from("broken")));
        assert_eq!(records[0].attributes_iter().count(), 0);
    }

    #[test]
    fn what_an_exporter_s_own_crates_log_is_not_exported() {
        let records = records(|bridge| {
            let _exporting = opentelemetry::Context::enter_telemetry_suppressed_scope();
            log(
                bridge,
                log::Level::Error,
                "rustls",
                ("rustls.rs", 1),
                "a record about exporting",
            );
        });
        assert!(records.is_empty(), "{records:?}");
    }
}
