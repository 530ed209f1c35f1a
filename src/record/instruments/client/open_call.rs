use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry::propagation::Injector;

use super::servers::{Server, without_brackets};
use super::{CallTarget, ClientInstruments, ServerName};
use crate::record::trace::SpanScope;

/// The error type of a call that was dropped: a caller's time limit drops the future.
const CANCELLED: &str = "cancelled";

/// The common part of calls by HTTP and by gRPC while they are under way.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) instruments: ClientInstruments,
    pub(super) span: SpanScope,
    server: CalledServer,
    started: Instant,
    /// Empty for a response, whose status says whether it is an error.
    pub(super) error: Cow<'static, str>,
}

/// The server of a call.
#[derive(Debug)]
enum CalledServer {
    Known(Arc<Server>),
    /// A host that was not called before, and its port. It is one of the servers that are told apart only once the
    /// call ends by it: until then it may be given a name.
    New(Box<str>, Option<u16>),
}

impl OpenCall {
    /// Writes the span's context into the headers of the request. Until it ends the call is a cancelled one. `name` stands
    /// in place of the host and port of the target, but not for its span.
    pub(super) fn new(
        instruments: &ClientInstruments,
        span: SpanScope,
        target: CallTarget<'_>,
        name: Option<&ServerName>,
        headers: &mut HeaderMap,
    ) -> Self {
        // Also where the span is not kept: the trace id goes on, so that the other side's logs can
        // be found by it.
        let tracer = instruments.tracer();
        tracer.inject(span.context(), &mut HeaderInjector(headers));
        let port = (!target.host.is_empty()).then(|| target.port());
        if let Some(port) = port {
            let host = without_brackets(target.host);
            span.set_attributes(|| {
                [
                    KeyValue::new("server.address", host.to_owned()),
                    KeyValue::new("server.port", i64::from(port)),
                ]
            });
        }
        let servers = instruments.servers();
        let server = match name {
            Some(name) => CalledServer::Known(servers.get(name.as_str(), None)),
            None => match servers.find(target.host, port) {
                Some(server) => CalledServer::Known(server),
                None => CalledServer::New(target.host.into(), port),
            },
        };
        Self {
            server,
            // After the span, so that what it costs is not part of the duration.
            started: instruments.now(),
            instruments: instruments.clone(),
            span,
            error: Cow::Borrowed(CANCELLED),
        }
    }

    /// Records the call under a name in place of host and port.
    pub(super) fn rename_server(&mut self, name: &str) {
        self.server = CalledServer::Known(self.instruments.servers().get(name, None));
    }

    /// Returns the server of a call that ends.
    pub(super) fn server(&self) -> Arc<Server> {
        match &self.server {
            CalledServer::Known(server) => Arc::clone(server),
            CalledServer::New(host, port) => self.instruments.servers().get(host, *port),
        }
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
