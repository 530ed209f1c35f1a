//! Log lines: one line for each event, whatever the event holds.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use super::input::texts;
use super::{fingerprint, magnitude};
use crate::config::{LogFormat, LogsConfig};
use crate::export::logs::{LevelHandle, LogWriter, layer_with_levels};
use crate::record::clock::Clock;
use crate::record::sync::lock;

/// The most bytes of a line.
const MAX_LINE_BYTES: usize = 64 << 10;

/// The written bytes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn log_line(data: &[u8]) -> u64 {
    thread_local! {
        // A writer has a thread, which takes longer to start than a line to write.
        static OUTPUT: (Sink, LogWriter) = {
            let sink = Sink::default();
            (sink.clone(), LogWriter::from_writer(sink))
        };
    }
    let [message, text, service] = texts(data);
    let mut way = Vec::new();
    for format in [LogFormat::Json, LogFormat::Text] {
        let written = OUTPUT.with(|(sink, output)| {
            lock(&sink.0).clear();
            let settings = LogsConfig {
                format,
                ..LogsConfig::default()
            };
            let levels = LevelHandle::new(settings.level.clone());
            let layer = layer_with_levels(
                &settings,
                &service,
                output.clone(),
                Clock::system(),
                &levels,
            );
            let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
            tracing::dispatcher::with_default(&dispatch, || {
                let span = tracing::info_span!("outer", user = %text, again = ?text);
                let _entered = span.enter();
                tracing::info!(text = %text, debug = ?text, number = message.len(), "{message}");
                tracing::error!(message = &*text);
            });
            assert!(output.flush(Duration::from_secs(20)));
            lock(&sink.0).clone()
        });
        let written = String::from_utf8(written).unwrap_or_else(|error| panic!("{error}"));
        let lines: Vec<_> = written.split_inclusive('\n').collect();
        assert_eq!(lines.len(), 2, "{written:?}");
        for line in &lines {
            let line = line
                .strip_suffix('\n')
                .unwrap_or_else(|| panic!("no end: {line:?}"));
            assert!(line.len() < MAX_LINE_BYTES, "{} bytes", line.len());
            let ends_or_turns = |c: char| {
                c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!line.contains(ends_or_turns), "{line:?}");
        }
        if format == LogFormat::Json {
            let [first, second] = [0, 1].map(|index| {
                let line = lines[index];
                serde_json::from_str::<Value>(line)
                    .unwrap_or_else(|error| panic!("{error}: {line}"))
            });
            if first["truncated"] != true {
                assert_eq!(first["message"], *message, "{first}");
                assert_eq!(first["fields"]["text"], *text, "{first}");
                assert_eq!(first["fields"]["debug"], *format!("{text:?}"), "{first}");
                assert_eq!(first["spans"][0]["fields"]["user"], *text, "{first}");
                assert_eq!(second["message"], *text, "{second}");
            }
            if service.len() < 64 {
                assert_eq!(first["service"], *service);
            }
            way.push(first["truncated"] == true);
        }
    }
    fingerprint((way, magnitude(message.len()), magnitude(text.len())))
}
