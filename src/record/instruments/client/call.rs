#[cfg(feature = "reqwest")]
mod resend;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry::propagation::Injector;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::servers::Server;
use super::{CallTarget, ClientInstruments, FinishedCall, ServerName};
use crate::model::catalog::api::METHODS;
use crate::record::trace::{SpanScope, Traced};

#[cfg(feature = "reqwest")]
pub(crate) use resend::ResentCall;

/// The error type of a call that was dropped: a caller's time limit drops the future.
const CANCELLED: &str = "cancelled";

/// An HTTP call to another service: a client span, whose trace the other service continues, and its duration in
/// `http.client.request.duration`, to the response's head or to an end without one.
///
/// End it with [`complete`](Self::complete), whatever the status of the response, or with [`fail`](Self::fail);
/// dropped without either it was `cancelled`, or broken off by a `panic`.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let mut request = http::Request::get("http://billing:8080/invoices/7").body(())?;
/// let (method, uri) = (request.method().clone(), request.uri().clone());
/// let call = telemetry.http_call(&method, &uri, request.headers_mut());
/// assert!(request.headers().contains_key("traceparent"));
/// // … send the request with any client …
/// call.complete(http::StatusCode::OK);
/// telemetry.http_call(&method, &uri, request.headers_mut()).fail("timeout");
/// let names: Vec<_> = test.spans().into_iter().map(|span| span.name).collect();
/// assert_eq!(names, ["GET", "GET"]);
/// let labels = [
///     ("error_type", "timeout"),
///     ("http_request_method", "GET"),
///     ("server_address", "billing"),
///     ("server_port", "8080"),
/// ];
/// assert_eq!(test.value("http_client_request_duration_seconds_count", &labels), Some(1.0));
/// # }
/// # Ok::<(), http::Error>(())
/// ```
#[must_use = "a call that is dropped at once is recorded as cancelled"]
#[derive(Debug)]
pub struct HttpCall {
    instruments: ClientInstruments,
    scope: SpanScope,
    method: &'static str,
    server: Arc<Server>,
    started: Instant,
    status: Option<StatusCode>,
    /// Empty for a response, whose status says whether it is an error.
    error: Cow<'static, str>,
}

impl ClientInstruments {
    /// Starts a call, and writes its trace into the headers of its request.
    pub(crate) fn start(
        &self,
        method: &Method,
        target: CallTarget<'_>,
        headers: &mut HeaderMap,
    ) -> HttpCall {
        self.start_below(Context::current(), method, target, headers)
    }

    /// The same below a context that is given.
    fn start_below(
        &self,
        parent: Context,
        method: &Method,
        target: CallTarget<'_>,
        headers: &mut HeaderMap,
    ) -> HttpCall {
        // An unknown method is `_OTHER`, as on the server's side.
        let method = METHODS.iter().find(|known| **known == method.as_str());
        let method = *method.unwrap_or(&"_OTHER");
        let tracer = self.tracer();
        let scope = tracer.start(parent, SpanKind::Client, method, Vec::new());
        scope.set_attributes(|| {
            [
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.full", target.url()),
                KeyValue::new("server.address", target.host.to_owned()),
                KeyValue::new("server.port", i64::from(target.port())),
            ]
        });
        // Also where the span is not kept: the trace id goes on, so that the other side's logs can
        // be found by it.
        tracer.inject(scope.context(), &mut HeaderInjector(headers));
        let port = (!target.host.is_empty()).then(|| target.port());
        HttpCall {
            server: self.server(target.host, port),
            // After the span, so that what it costs is not part of the duration.
            started: self.now(),
            instruments: self.clone(),
            scope,
            method,
            status: None,
            error: Cow::Borrowed(CANCELLED),
        }
    }
}

impl HttpCall {
    /// Records the call under the name of a server in place of its host and port: one out of a small set, for
    /// addresses that users give, and for replicas that are one service. Its span keeps the address.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use http::{HeaderMap, Method, StatusCode, Uri};
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let uri = Uri::from_static("https://customer-4711.example/hook");
    /// let mut headers = HeaderMap::new();
    /// let call = telemetry.http_call(&Method::POST, &uri, &mut headers).server("webhooks");
    /// call.complete(StatusCode::NO_CONTENT);
    /// let labels = [
    ///     ("http_request_method", "POST"),
    ///     ("http_response_status_code", "204"),
    ///     ("server_address", "webhooks"),
    /// ];
    /// assert_eq!(test.value("http_client_request_duration_seconds_count", &labels), Some(1.0));
    /// # }
    /// ```
    pub fn server(mut self, name: &str) -> Self {
        self.server = self.instruments.server(name, None);
        self
    }

    /// The same where a request has such a name.
    pub(crate) fn named(self, name: Option<&ServerName>) -> Self {
        match name {
            Some(name) => self.server(name.as_str()),
            None => self,
        }
    }

    /// The context for what happens inside.
    pub(crate) const fn context(&self) -> &Context {
        self.scope.context()
    }

    /// Runs the call's future inside its span, so that what the client logs belongs to it.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }

    /// Ends the call with the status of its response: from 400 on it counts as failed, with the status as
    /// `error.type`, as the semantic conventions have it for clients.
    pub fn complete(mut self, status: StatusCode) {
        self.status = Some(status);
        self.error = Cow::Borrowed("");
    }

    /// Ends the call without a response; `error_type` is a class such as `timeout`, never a message: it becomes a
    /// label.
    pub fn fail(mut self, error_type: &str) {
        self.error = Cow::Owned(error_type.to_owned());
    }

    /// The same with a class of a fixed set.
    pub(crate) fn fail_as(mut self, error_type: &'static str) {
        self.error = Cow::Borrowed(error_type);
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        let elapsed = self
            .instruments
            .now()
            .saturating_duration_since(self.started);
        if self.error == CANCELLED && std::thread::panicking() {
            self.error = Cow::Borrowed("panic");
        }
        let status = self.status.as_ref();
        // For a client a 4xx is an error, for a server it is not:
        // <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>.
        let failed = status.filter(|status| status.is_client_error() || status.is_server_error());
        let error = failed.map_or(&*self.error, StatusCode::as_str);
        if let Some(status) = status {
            let code = i64::from(status.as_u16());
            self.scope
                .set_attributes(|| [KeyValue::new("http.response.status_code", code)]);
        }
        if !error.is_empty() {
            self.scope.fail(error);
        }
        self.scope.end();
        self.instruments.record(&FinishedCall {
            method: self.method,
            server: &self.server,
            status: status.map_or("", StatusCode::as_str),
            error,
            elapsed,
            span: self.scope.sampled(),
        });
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
