use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use opentelemetry::propagation::Injector;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::{SpanScope, Traced, Tracer};
use crate::model::catalog::api::METHODS;

/// An HTTP call to another service: a client span, whose trace the other service continues.
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
/// # }
/// # Ok::<(), http::Error>(())
/// ```
#[must_use = "a call that is dropped at once is recorded as cancelled"]
#[derive(Debug)]
pub struct HttpCall {
    scope: SpanScope,
    /// `true` once there was a verdict.
    ended: bool,
}

impl HttpCall {
    pub(crate) fn start(
        tracer: &Tracer,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
    ) -> Self {
        // An unknown method is `_OTHER`, as on the server's side.
        let method = METHODS.iter().find(|known| **known == method.as_str());
        let method = method.unwrap_or(&"_OTHER");
        let scope = tracer.start(Context::current(), SpanKind::Client, *method, Vec::new());
        scope.set_attributes(|| {
            [
                KeyValue::new("http.request.method", *method),
                KeyValue::new("url.full", redacted_url(uri)),
                KeyValue::new("server.address", uri.host().unwrap_or_default().to_owned()),
                KeyValue::new("server.port", i64::from(port(uri))),
            ]
        });
        // Also where the span is not kept: the trace id goes on, so that the other side's logs can
        // be found by it.
        tracer.inject(scope.context(), &mut HeaderInjector(headers));
        Self {
            scope,
            ended: false,
        }
    }

    /// Runs the call's future inside its span, so that what the client logs belongs to it.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }

    /// Ends the call with the status of its response: from 400 on it counts as failed, with the status as
    /// `error.type`, as the semantic conventions have it for clients.
    pub fn complete(mut self, status: StatusCode) {
        self.ended = true;
        self.scope.set_attributes(|| {
            [KeyValue::new(
                "http.response.status_code",
                i64::from(status.as_u16()),
            )]
        });
        // For a client a 4xx is an error, for a server it is not:
        // <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>.
        if status.is_client_error() || status.is_server_error() {
            self.scope.fail(status.as_str());
        }
    }

    /// Ends the call without a response; `error_type` is a class such as `timeout`, never a message.
    pub fn fail(mut self, error_type: &str) {
        self.ended = true;
        self.scope.fail(error_type);
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        if !self.ended {
            let panicking = std::thread::panicking();
            self.scope
                .fail(if panicking { "panic" } else { "cancelled" });
        }
        self.scope.end();
    }
}

/// Neither user and password nor the query, where tokens like to hide.
fn redacted_url(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.host().unwrap_or_default();
    match uri.port() {
        Some(port) => format!("{scheme}://{host}:{port}{}", uri.path()),
        None => format!("{scheme}://{host}{}", uri.path()),
    }
}

fn port(uri: &Uri) -> u16 {
    let default_port = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
        443
    } else {
        80
    };
    uri.port_u16().unwrap_or(default_port)
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
