//! The SDK's processors of finished spans and log records.

use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::encode::QueuedLogRecord;
use super::queue::QueueSender;

/// Puts sampled spans into the queue. Flush and shutdown are the export thread's.
#[derive(Debug)]
pub(crate) struct QueueSpanProcessor(pub(super) QueueSender<SpanData>);

/// Puts log records into the queue.
#[derive(Debug)]
pub(crate) struct QueueLogProcessor(pub(super) QueueSender<QueuedLogRecord>);

impl SpanProcessor for QueueSpanProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // Spans that are not kept end here too: the SDK hands every recorded one over.
        if span.span_context.is_sampled() {
            self.0.push(span);
        }
    }

    // Nothing to wait for: one deadline for all signals is kept by the export thread, and a
    // processor that blocks here would block the caller's runtime.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl LogProcessor for QueueLogProcessor {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        // The SDK reuses the record, so that it has to be copied.
        self.0.push((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn event_enabled(&self, _: Severity, _: &str, _: Option<&str>) -> bool {
        true
    }
}
