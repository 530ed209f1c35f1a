//! Servers in the test's own process, and what both sides recorded.

use axum::Router;
use tokio::net::TcpListener;
use vantage_obs::testing::{SpanData, TestTelemetry};

/// The calls of `http.client.request.duration`.
pub(crate) const CALLS: &str = "http_client_request_duration_seconds_count";

/// Serves a router until the test ends; returns its port.
pub(crate) async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// A port that nothing listens on.
pub(crate) fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The number of calls with these labels beside a server on loopback.
pub(crate) fn calls(test: &TestTelemetry, port: u16, labels: &[(&str, &str)]) -> Option<f64> {
    let port = port.to_string();
    let mut labels = labels.to_vec();
    labels.extend([("server_address", "127.0.0.1"), ("server_port", &*port)]);
    labels.sort_unstable();
    test.value(CALLS, &labels)
}

/// The text of an attribute of a span.
pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span
        .attributes
        .iter()
        .find(|found| found.key.as_str() == key);
    Some(found?.value.to_string())
}

/// Asserts that the server's span is the child of the client's.
pub(crate) fn assert_child(server: &SpanData, client: &SpanData) {
    assert_eq!(
        server.span_context.trace_id(),
        client.span_context.trace_id()
    );
    assert_eq!(server.parent_span_id, client.span_context.span_id());
}
