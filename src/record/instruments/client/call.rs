#[cfg(feature = "reqwest")]
mod resend;

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::open_call::OpenCall;
use super::{CallTarget, ClientInstruments, FinishedCall, ServerName};
use crate::model::catalog::api::METHODS;
use crate::record::trace::Traced;

#[cfg(feature = "reqwest")]
pub(crate) use resend::ResentCall;

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
    call: OpenCall,
    method: &'static str,
    status: Option<StatusCode>,
}

impl ClientInstruments {
    /// Starts a call, and writes its trace into the headers of its request. `name` stands in place of the host and port
    /// of the target, but not for its span.
    pub(crate) fn start(
        &self,
        method: &Method,
        target: CallTarget<'_>,
        name: Option<&ServerName>,
        headers: &mut HeaderMap,
    ) -> HttpCall {
        self.start_below(Context::current(), method, target, name, headers)
    }

    /// The same below a context that is given.
    fn start_below(
        &self,
        parent: Context,
        method: &Method,
        target: CallTarget<'_>,
        name: Option<&ServerName>,
        headers: &mut HeaderMap,
    ) -> HttpCall {
        // An unknown method is `_OTHER`, as on the server's side.
        let method = METHODS.iter().find(|known| **known == method.as_str());
        let method = *method.unwrap_or(&"_OTHER");
        let attributes = || {
            [
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.full", target.url()),
            ]
        };
        let span = self
            .tracer()
            .start(parent, SpanKind::Client, method, Vec::new());
        span.set_attributes(attributes);
        HttpCall {
            call: OpenCall::new(self, span, target, name, headers),
            method,
            status: None,
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
        self.call.rename_server(name);
        self
    }

    /// The context for what happens inside.
    pub(crate) const fn context(&self) -> &Context {
        self.call.span.context()
    }

    /// Runs the call's future inside its span, so that what the client logs belongs to it.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.context().clone())
    }

    /// Ends the call with the status of its response: from 400 on it counts as failed, with the status as
    /// `error.type`, as the semantic conventions have it for clients.
    pub fn complete(mut self, status: StatusCode) {
        self.status = Some(status);
        self.call.error = Cow::Borrowed("");
    }

    /// Ends the call without a response; `error_type` is a class such as `timeout`, never a message: it becomes a
    /// label.
    pub fn fail(mut self, error_type: &str) {
        self.call.error = Cow::Owned(error_type.to_owned());
    }

    /// The same with a class of a fixed set.
    pub(crate) fn fail_as(mut self, error_type: &'static str) {
        self.call.error = Cow::Borrowed(error_type);
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        let elapsed = self.call.elapsed();
        let status = self.status.as_ref();
        // For a client a 4xx is an error, for a server it is not:
        // <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>.
        let failed = status.filter(|status| status.is_client_error() || status.is_server_error());
        let error = failed.map_or(&*self.call.error, StatusCode::as_str);
        if let Some(status) = status {
            let code = i64::from(status.as_u16());
            self.call
                .span
                .set_attributes(|| [KeyValue::new("http.response.status_code", code)]);
        }
        self.call.end_span(error);
        self.call.instruments.record(&FinishedCall {
            method: self.method,
            server: &self.call.server(),
            status: status.map_or("", StatusCode::as_str),
            error,
            elapsed,
            span: self.call.span.sampled(),
        });
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use http::Uri;

    use super::*;
    use crate::testing::TestTelemetry;

    fn calls(test: &TestTelemetry, server: &str) -> Option<f64> {
        let labels = [("server_address", server)];
        test.sum("http_client_request_duration_seconds_count", &labels)
    }

    #[test]
    fn hosts_under_a_name_take_no_room_of_servers() {
        let test = TestTelemetry::new();
        let (telemetry, mut headers) = (test.telemetry(), HeaderMap::new());
        for number in 0..150 {
            let uri = Uri::try_from(format!("https://customer-{number}.example/hook")).unwrap();
            let call = telemetry.http_call(&Method::POST, &uri, &mut headers);
            call.server("webhooks").complete(StatusCode::OK);
            let name = ServerName::new("webhooks");
            let target = CallTarget::from_uri(&uri);
            let client = telemetry.http_client_layer();
            let call = client
                .instruments()
                .start(&Method::POST, target, Some(&name), &mut headers);
            call.complete(StatusCode::OK);
        }
        let uri = Uri::from_static("http://billing/");
        let call = telemetry.http_call(&Method::GET, &uri, &mut headers);
        call.complete(StatusCode::OK);
        assert_eq!(calls(&test, "webhooks"), Some(300.0));
        assert_eq!(calls(&test, "billing"), Some(1.0));
    }

    #[test]
    fn the_span_has_the_address_of_the_metric_and_none_that_is_empty() {
        let test = TestTelemetry::new();
        let (telemetry, mut headers) = (test.telemetry(), HeaderMap::new());
        let uri = Uri::from_static("http://[::1]:8080/");
        let call = telemetry.http_call(&Method::GET, &uri, &mut headers);
        call.complete(StatusCode::OK);
        assert_eq!(calls(&test, "::1"), Some(1.0));
        assert_eq!(test.span("GET").attribute("server.address"), Some("::1"));
        let uri = Uri::from_static("/path");
        let call = telemetry.http_call(&Method::POST, &uri, &mut headers);
        call.complete(StatusCode::OK);
        let span = test.span("POST");
        assert_eq!(span.attribute("server.address"), None);
        assert_eq!(span.attribute("server.port"), None);
    }
}
