//! The latest spans and log lines of the process, in memory, for its development page.
//!
//! | kept | at most |
//! |---|---|
//! | spans | 2,000, and 2 MiB of JSON |
//! | an attribute's value, attributes and events of a span | 256 characters, 32, 16 |
//! | the text of a span's error | 1,024 characters |
//! | log lines | 500, and 512 KiB |
//! | operations, and the latest spans that each has figures of | 200, 256 |
//!
//! The oldest make room; of spans, those of the [least valuable traces](traces) do so first. Everything is kept as the JSON that the page reads, so that the limits are exact.

mod operations;
mod ring;
mod span;
mod traces;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::logs::LogWriter;
use crate::model::dev::DevOperation;
use crate::record::clock::Clock;
use crate::record::sync::lock;
use operations::Operations;
use ring::Ring;
use traces::{Amount, Traces};

/// The most spans, and the bytes of their JSON.
const SPANS: Amount = Amount {
    spans: 2_000,
    bytes: 2 << 20,
};

/// The most log lines, and their bytes.
const LINES: (usize, usize) = (500, 512 << 10);

/// The time that lines which are on their way have to arrive before the page is made.
const LINE_WAIT: Duration = Duration::from_millis(50);

/// The past that the page shows. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct DevRecorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    traces: Mutex<Traces>,
    lines: Arc<Mutex<Ring>>,
    operations: Mutex<Operations>,
    line_output: LogWriter,
}

impl DevRecorder {
    pub(crate) fn new(clock: Clock) -> Self {
        let lines = Arc::new(Mutex::new(Ring::new(LINES)));
        let line_output = LogWriter::from_writer(LineSink(Arc::clone(&lines)));
        Self(Arc::new(Inner {
            operations: Mutex::new(Operations::new(clock.now())),
            clock,
            traces: Mutex::new(Traces::new(SPANS)),
            lines,
            line_output,
        }))
    }

    /// Returns a processor that keeps spans, and passes them on.
    pub(crate) fn span_processor(
        &self,
        next: Option<Box<dyn SpanProcessor>>,
    ) -> Box<dyn SpanProcessor> {
        let recorder = self.clone();
        Box::new(KeepingProcessor { recorder, next })
    }

    /// Returns the output that keeps lines; they must be JSON.
    pub(crate) fn line_output(&self) -> LogWriter {
        self.0.line_output.clone()
    }

    /// Returns the spans as the members of a JSON array, oldest first.
    pub(crate) fn spans_json(&self) -> String {
        lock(&self.0.traces).join()
    }

    /// Returns the lines likewise, those included that were logged before the call.
    pub(crate) fn lines_json(&self) -> String {
        // A thread brings them; what is not there in time is on the next page.
        let _ = self.0.line_output.flush(LINE_WAIT);
        lock(&self.0.lines).join()
    }

    /// Returns the operations, by kind and name.
    pub(crate) fn operations(&self) -> Vec<DevOperation> {
        lock(&self.0.operations).snapshot(self.0.clock.now())
    }

    fn record(&self, span: &SpanData) {
        let span = span::dev_span(span);
        lock(&self.0.operations).record(&span, self.0.clock.now());
        lock(&self.0.traces).push(&span);
    }
}

/// Keeps spans before they go on.
#[derive(Debug)]
struct KeepingProcessor {
    recorder: DevRecorder,
    next: Option<Box<dyn SpanProcessor>>,
}

impl SpanProcessor for KeepingProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        if let Some(next) = &self.next {
            next.on_start(span, context);
        }
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.recorder.record(&span);
        }
        if let Some(next) = &self.next {
            next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next
            .as_deref()
            .map_or(Ok(()), SpanProcessor::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let next = self.next.as_deref();
        next.map_or(Ok(()), |next| next.shutdown_with_timeout(timeout))
    }
}

/// Takes lines, of which the output hands over one at a time.
struct LineSink(Arc<Mutex<Ring>>);

impl Write for LineSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        lock(&self.0).push(text.trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dev::DevLine;

    #[test]
    fn lines_are_there_as_soon_as_they_are_asked_for() {
        let recorder = DevRecorder::new(Clock::system());
        for number in 0..LINES.0 + 5 {
            let line = format!("{{\"level\":\"info\",\"message\":\"{number}\"}}\n");
            recorder.line_output().write(line.as_bytes());
        }
        let json = format!("[{}]", recorder.lines_json());
        let lines: Vec<DevLine> = serde_json::from_str(&json).unwrap();
        assert_eq!(lines.len(), LINES.0);
        assert_eq!(lines[0].message, "5", "the oldest have made room");
    }
}
