//! The layer's output, read back by a parser.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::config::LogLevel;

mod process;

/// The written bytes, for the test to read.
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

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Each line parsed; a line must be one to every reader, and of limited length.
    fn objects(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'));
        let ends_a_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        for line in text.split_terminator('\n') {
            assert!(!line.contains(ends_a_line), "{line:?}");
            assert!(line.len() < 64 << 10, "{} bytes", line.len());
        }
        let parsed = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        text.lines().map(parsed).collect()
    }
}

/// The time after which a test gives up.
const SOON: Duration = Duration::from_secs(10);

fn settings(format: LogFormat, level: &str) -> LogsConfig {
    LogsConfig {
        format,
        level: level.parse().unwrap(),
        ..LogsConfig::default()
    }
}

/// Runs `work` with a layer of its own; gives what was written.
fn written(format: LogFormat, level: &str, work: impl FnOnce(&LevelHandle)) -> Sink {
    let sink = Sink::default();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_micros(1_772_366_584_123_456));
    let output = LogWriter::from_writer(sink.clone());
    let settings = settings(format, level);
    let levels = LevelHandle::new(settings.level.clone());
    let layer = layer_with_levels(&settings, "a \"service\"", output.clone(), clock, &levels);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || work(&levels));
    assert!(output.flush(SOON));
    sink
}

fn objects(work: impl FnOnce()) -> Vec<Value> {
    written(LogFormat::Json, "trace", |_| work()).objects()
}

fn object(work: impl FnOnce()) -> Value {
    let mut objects = objects(work);
    assert_eq!(objects.len(), 1);
    objects.remove(0)
}

/// Displays, or does something worse.
struct FmtWith(fn(&mut fmt::Formatter<'_>) -> fmt::Result);

impl fmt::Display for FmtWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

impl fmt::Debug for FmtWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

#[test]
fn an_event_is_one_object_with_all_that_is_known() {
    let line = object(|| {
        let _request = info_span!("request", route = "/posts/{id}", n = 1).entered();
        let _query = info_span!("query").entered();
        warn!(target: "api::posts", post = 7, slow = true, "took {}", "long");
    });
    assert_eq!(
        line,
        json!({
            "timestamp": "2026-03-01T12:03:04.123456Z",
            "level": "warn",
            "target": "api::posts",
            "service": "a \"service\"",
            "message": "took long",
            "fields": {"post": 7, "slow": true},
            "spans": [
                {"name": "request", "fields": {"route": "/posts/{id}", "n": 1}},
                {"name": "query"},
            ],
        })
    );
}

#[test]
fn no_message_breaks_its_line() {
    let long = "ü".repeat(500_000);
    for message in [
        "",
        "\"quoted\" and \\ and \\\\\" and {braces}",
        "a\nb\r\nc\u{b}d\u{c}e",
        "\0\u{1}\u{1f}\u{7f}\u{85}\u{9b}",
        "\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}",
        "\x1b]0;title\x07\x1b[2J",
        "{\"timestamp\":\"forged\"}\n{\"level\":\"error\"}",
        "</script><!--",
        "ü–👍\u{202e}",
    ] {
        let line = object(|| info!(message, text = message, debug = ?message, "{message}"));
        assert_eq!(line["message"], message);
        assert_eq!(line["fields"]["text"], message);
        assert_eq!(line["fields"]["debug"], format!("{message:?}"));
        assert_eq!(line.get("truncated"), None);
    }
    let line = object(|| info!(a = 1, long, last = ?long, z = 2, "{long}"));
    assert!(long.starts_with(line["message"].as_str().unwrap()));
    assert!(line["message"].as_str().unwrap().len() > 20_000);
    assert!(line["fields"]["long"].as_str().unwrap().len() > 10_000);
    assert_eq!(
        (&line["fields"]["a"], &line["fields"]["z"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(line["truncated"], true);
}

#[test]
fn a_line_of_control_characters_only_stays_within_its_limit() {
    let nasty = "\0".repeat(100_000);
    let line = object(|| {
        let _outer = info_span!("outer", nasty, b = ?nasty, c = nasty, d = nasty).entered();
        let _inner = info_span!("inner", nasty, b = ?nasty, c = nasty, d = nasty).entered();
        let _innermost = info_span!("innermost", nasty, b = nasty, c = nasty, d = nasty).entered();
        info!(
            a = nasty,
            b = nasty,
            c = nasty,
            d = nasty,
            e = nasty,
            "{nasty}"
        );
    });
    assert_eq!(line["truncated"], true);
    let spans = line["spans"].as_array().unwrap();
    assert_eq!(spans.last().unwrap()["name"], "innermost");
}

#[test]
fn values_keep_their_types() {
    let fields = object(|| {
        info!(
            int = -3,
            max = u64::MAX,
            small = 5_i128,
            huge = i128::MIN,
            wide = u128::MAX,
            float = 0.1,
            whole = 3.0,
            tiny = 1e-300,
            nan = f64::NAN,
            inf = f64::INFINITY,
            less = f64::NEG_INFINITY,
            flag = false,
            text = "7",
            shown = %7,
            debug = ?Some("x"),
            none = None::<u64>,
            some = Some(1),
        );
    })["fields"]
        .clone();
    assert_eq!(
        fields,
        json!({
            "int": -3, "max": u64::MAX, "small": 5,
            "huge": i128::MIN.to_string(), "wide": u128::MAX.to_string(),
            "float": 0.1, "whole": 3.0, "tiny": 1e-300,
            "nan": "NaN", "inf": "inf", "less": "-inf",
            "flag": false, "text": "7", "shown": "7", "debug": "Some(\"x\")", "some": 1,
        })
    );
}

#[test]
fn fields_that_are_called_like_ours_or_stand_twice_mislead_nobody() {
    let line = object(|| {
        info!(
            level = "x",
            trace_id = "x",
            timestamp = 1,
            service = 2,
            r#type = "t",
            a.b = 3,
            "m"
        );
    });
    assert_eq!(
        line["fields"],
        json!({"level": "x", "trace_id": "x", "timestamp": 1, "service": 2, "type": "t", "a.b": 3})
    );
    assert_eq!(
        (&line["level"], line.get("trace_id")),
        (&json!("info"), None)
    );
    let sink = written(LogFormat::Json, "info", |_| {
        info!(twice = 1, other = 2, twice = 3);
        info!("quoted \"name\"\n" = 1, "a message");
        info!(message = 5);
    });
    assert_eq!(sink.text().matches("twice").count(), 1);
    let lines = sink.objects();
    assert_eq!(lines[0]["fields"], json!({"twice": 3, "other": 2}));
    assert_eq!(lines[0].get("message"), None);
    assert_eq!(lines[1]["fields"], json!({"quoted \"name\"\n": 1}));
    assert_eq!(lines[2]["message"], "5");
}

#[derive(Debug, thiserror::Error)]
#[error("saving failed")]
struct SaveError(#[source] io::Error);

#[test]
fn an_error_is_written_with_its_causes() {
    let error = SaveError(io::Error::other("disk\nfull"));
    let line = object(|| error!(error = &error as &(dyn Error + 'static), "no luck"));
    assert_eq!(line["fields"]["error"], "saving failed: disk\nfull");
}

#[test]
fn a_value_that_panics_or_fails_costs_itself_only() {
    let lines = objects(|| {
        let panics = FmtWith(|f| f.write_str("x").map(|()| panic!("in a Display")));
        let fails = FmtWith(|_| Err(fmt::Error));
        let unwraps = FmtWith(|f| {
            (0..100_000).for_each(|_| f.write_str("long").unwrap());
            Ok(())
        });
        let _span = info_span!("span", panics = %panics, a = 1).entered();
        info!(before = 1, %panics, ?fails, after = 2, "{panics}");
        info!("{unwraps}");
    });
    let span = json!([{"name": "span", "fields": {"panics": "<panicked>", "a": 1}}]);
    assert_eq!(lines[0]["message"], "<panicked>");
    assert_eq!(
        lines[0]["fields"],
        json!({"before": 1, "panics": "<panicked>", "fails": "<unprintable>", "after": 2})
    );
    assert_eq!(lines[0]["spans"], span);
    assert!(
        lines[1]["message"]
            .as_str()
            .unwrap()
            .starts_with("longlong")
    );
    assert_eq!(lines[1]["truncated"], true);
}

#[test]
fn what_a_span_records_later_is_in_the_lines_after() {
    let lines = objects(|| {
        let span = info_span!("job", id = 1, outcome = tracing::field::Empty);
        span.in_scope(|| info!("begins"));
        span.record("outcome", "failed");
        span.record("outcome", "succeeded");
        span.in_scope(|| info!("ends"));
    });
    assert_eq!(lines[0]["spans"][0]["fields"], json!({"id": 1}));
    assert_eq!(
        lines[1]["spans"][0]["fields"],
        json!({"id": 1, "outcome": "succeeded"})
    );
}

fn remote() -> Context {
    let (trace, span) = (
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
    );
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    Context::new().with_remote_span_context(context)
}

#[test]
fn a_line_names_the_trace_that_is_current() {
    let lines = objects(|| {
        info!("outside");
        let _attached = remote().attach();
        info!("inside");
    });
    assert_eq!(lines[0].get("trace_id"), None);
    assert_eq!(lines[1]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(lines[1]["span_id"], "00f067aa0ba902b7");
}

#[test]
fn text_is_for_people_and_holds_no_commands_for_their_terminal() {
    let sink = written(LogFormat::Text, "trace", |_| {
        let _outer = info_span!("request", route = "/posts").entered();
        let _inner = info_span!("query").entered();
        let _attached = remote().attach();
        info!(target: "api", post = 7, who = "a \"b\"\n", set = ?Some("x"), "a\n\x1b[31mforged");
        debug!(target: "api", nan = f64::NAN);
    });
    let ends = "in request{route=\"/posts\"} > query trace=4bf92f3577b34da6a3ce929d0e0e4736";
    let message = r#"a\n\x1b[31mforged post=7 who="a \"b\"\n" set=Some("x")"#;
    assert_eq!(
        sink.text(),
        format!(
            "12:03:04.123456 INFO  api: {message} {ends}\n12:03:04.123456 DEBUG api: nan=NaN {ends}\n"
        )
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let output = LogWriter::from_writer(io::sink());
    assert_eq!(line_format(LogFormat::Auto, &output), LineFormat::Json);
    assert_eq!(line_format(LogFormat::Text, &output), LineFormat::Text);
    assert_eq!(line_format(LogFormat::Json, &output), LineFormat::Json);
}

#[test]
fn levels_change_at_once_and_by_module() {
    let sink = written(LogFormat::Json, "info", |levels| {
        let log_all = || {
            info!(target: "a::b", "info");
            debug!(target: "a::b", "debug");
            debug!(target: "a::c", "debug");
            info!(target: "hyper::client", "about itself");
        };
        log_all();
        levels.set("warn,a::b=debug").unwrap();
        log_all();
        assert_eq!(levels.current().to_string(), "warn,a::b=debug");
        assert!(levels.set("info,a::b=loud").is_err());
        assert_eq!(levels.current().level_for("a::b"), LogLevel::Debug);
        levels.set("off").unwrap();
        log_all();
        levels.set("hyper=info,a=off").unwrap();
        log_all();
    });
    let lines: Vec<_> = sink
        .objects()
        .iter()
        .map(|line| format!("{} {}", line["target"], line["level"]).replace('"', ""))
        .collect();
    assert_eq!(
        lines,
        ["a::b info", "a::b info", "a::b debug", "hyper::client info"]
    );
}

/// Counts the spans and events that it sees.
#[derive(Clone, Default)]
struct CountingLayer(Arc<Mutex<usize>>);

impl<S: Subscriber> Layer<S> for CountingLayer {
    fn on_new_span(
        &self,
        _: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        *self.0.lock().unwrap() += 1;
    }
}

#[test]
fn logs_at_warn_leave_debug_spans_to_the_other_layers() {
    let (sink, other) = (Sink::default(), CountingLayer::default());
    let settings = settings(LogFormat::Json, "warn");
    let output = LogWriter::from_writer(sink.clone());
    let (layer, _levels) = layer(&settings, "s", output.clone());
    let subscriber = tracing_subscriber::registry()
        .with(layer)
        .with(other.clone());
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::debug_span!("for the traces").entered();
        info!("not written");
        warn!("written");
    });
    assert_eq!(*other.0.lock().unwrap(), 1);
    assert!(output.flush(SOON));
    let lines = sink.objects();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].get("spans"), None);
}

#[test]
fn two_layers_of_different_form_share_a_subscriber() {
    let (json, text) = (Sink::default(), Sink::default());
    let settings = |format| settings(format, "info");
    let outputs = [&json, &text].map(|sink| LogWriter::from_writer(sink.clone()));
    let (first, _) = layer(&settings(LogFormat::Json), "s", outputs[0].clone());
    let (second, _) = layer(&settings(LogFormat::Text), "s", outputs[1].clone());
    let subscriber = tracing_subscriber::registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        info_span!("span", a = 1).in_scope(|| info!("m"));
    });
    assert!(outputs.iter().all(|output| output.flush(SOON)));
    assert_eq!(json.objects()[0]["spans"][0]["fields"], json!({"a": 1}));
    assert!(text.text().ends_with("m in span{a=1}\n"), "{}", text.text());
}

#[test]
fn threads_do_not_write_into_each_others_lines() {
    // As many as the queue holds, however slow its thread is.
    const LINES: usize = 200;
    let sink = Sink::default();
    let output = LogWriter::from_writer(sink.clone());
    let (layer, _levels) = layer(&LogsConfig::default(), "s", output.clone());
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    let _span = info_span!("thread", thread).entered();
                    (0..LINES).for_each(|line| info!(thread, line, "{}", "x".repeat(line)));
                });
            });
        }
    });
    assert!(output.flush(SOON));
    let mut lines = sink.objects();
    assert_eq!((lines.len(), output.lost_lines()), (8 * LINES, 0));
    lines.sort_by_key(|line| line["fields"]["thread"].as_u64());
    for (index, line) in lines.iter().enumerate() {
        // Within a thread the order is kept.
        assert_eq!(line["fields"]["line"], index % LINES);
        assert_eq!(
            line["spans"][0]["fields"]["thread"],
            line["fields"]["thread"]
        );
        assert_eq!(line["message"].as_str().unwrap().len(), index % LINES);
    }
}
