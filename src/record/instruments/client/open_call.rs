use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::Injector;

use super::servers::Server;
use super::{CallTarget, ClientInstruments};
use crate::record::trace::SpanScope;

/// The error type of a call that was dropped: a caller's time limit drops the future.
const CANCELLED: &str = "cancelled";

/// What calls by HTTP and by gRPC have in common while they are under way.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) instruments: ClientInstruments,
    pub(super) span: SpanScope,
    pub(super) server: Arc<Server>,
    started: Instant,
    /// Empty for a response, whose status says whether it is an error.
    pub(super) error: Cow<'static, str>,
}

impl OpenCall {
    /// Writes the span's context into the headers of the request. Until it ends the call is a cancelled one.
    pub(super) fn new(
        instruments: &ClientInstruments,
        span: SpanScope,
        target: CallTarget<'_>,
        headers: &mut HeaderMap,
    ) -> Self {
        // Also where the span is not kept: the trace id goes on, so that the other side's logs can
        // be found by it.
        let tracer = instruments.tracer();
        tracer.inject(span.context(), &mut HeaderInjector(headers));
        let port = (!target.host.is_empty()).then(|| target.port());
        Self {
            server: instruments.server(target.host, port),
            // After the span, so that what it costs is not part of the duration.
            started: instruments.now(),
            instruments: instruments.clone(),
            span,
            error: Cow::Borrowed(CANCELLED),
        }
    }

    /// Records the call under a name in place of host and port.
    pub(super) fn rename_server(&mut self, name: &str) {
        self.server = self.instruments.server(name, None);
    }

    /// Returns the duration of a call that ends now; one without an end that a panic drops is a panic.
    pub(super) fn elapsed(&mut self) -> Duration {
        let now = self.instruments.now();
        if self.error == CANCELLED && std::thread::panicking() {
            self.error = Cow::Borrowed("panic");
        }
        now.saturating_duration_since(self.started)
    }

    /// Ends the span, as failed where there is an error.
    pub(super) fn end_span(&self, error: &str) {
        if !error.is_empty() {
            self.span.fail(error);
        }
        self.span.end();
    }
}

/// Replaces headers, so that a request that is sent again carries one trace.
struct HeaderInjector<'a>(&'a mut HeaderMap);

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(key.as_bytes()),
            HeaderValue::from_str(&value),
            // Names and values of the formats are valid; those of baggage are encoded.
        ) else {
            return;
        };
        // A list that was copied from another request is not that of this trace.
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name, value);
        }
    }
}
