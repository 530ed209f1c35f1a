//! Names and attributes follow
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>. The query of
//! the URL is left out: it holds tokens and personal data more often than it helps.

use std::collections::BTreeMap;

use http::{Request, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use crate::record::instruments::{
    MethodScheme, RequestOutcome, RpcMethod, SHUTDOWN, rpc_attributes,
};
use crate::record::trace::{HeaderExtractor, SampleRatioOverride, SpanScope, Tracer};

/// The reason of a body that was not read to its end.
pub(super) const CLIENT_GONE: &str = "client_gone";

/// Makes the spans of requests.
#[derive(Debug)]
pub(crate) struct RequestSpans {
    tracer: Tracer,
    /// The share of traces that is kept, for routes that have one of their own.
    ratios: BTreeMap<String, f64>,
}

impl RequestSpans {
    /// Routes at 0 have no spans.
    pub(crate) fn new(tracer: Tracer, ratios: BTreeMap<String, f64>) -> Self {
        Self { tracer, ratios }
    }

    /// Starts the span of a request, below the caller's if there is one. An operational one has a span
    /// only where its route has a ratio.
    pub(super) fn start<B>(
        &self,
        request: &Request<B>,
        method_scheme: MethodScheme,
        route: &str,
        is_operational: bool,
    ) -> Option<SpanScope> {
        if !self.tracer.is_enabled() {
            return None;
        }
        let default_ratio = is_operational.then_some(0.0);
        let ratio = self.ratios.get(route).copied().or(default_ratio);
        // No span at all, also where the caller's trace is kept: that is what the configuration
        // promises for 0.
        if ratio == Some(0.0) {
            return None;
        }
        let mut parent = self.tracer.extract(&HeaderExtractor(request.headers()));
        if let Some(ratio) = ratio {
            // Through the context, which is what reaches a sampler.
            parent = parent.with_value(SampleRatioOverride(ratio));
        }
        let kind = SpanKind::Server;
        let span = self
            .tracer
            .start(parent, kind, method_scheme.method(), Vec::new());
        span.set_attributes(|| {
            [
                KeyValue::new("http.request.method", method_scheme.method()),
                KeyValue::new("url.scheme", method_scheme.scheme()),
                KeyValue::new("url.path", request.uri().path().to_owned()),
            ]
        });
        Some(span)
    }
}

/// Records the outcome of a request whose head is sent; its span goes on with the body.
pub(super) fn record_outcome(
    span: &SpanScope,
    method_scheme: MethodScheme,
    route: &str,
    outcome: RequestOutcome,
) {
    let (status, error) = outcome.labels();
    if !route.is_empty() {
        // Only now: the route is known when the router has matched.
        span.rename(|| format!("{} {route}", method_scheme.method()));
        span.set_attributes(|| [KeyValue::new("http.route", route.to_owned())]);
    }
    if let Some(status) = status {
        span.set_attributes(|| {
            [KeyValue::new(
                "http.response.status_code",
                status_code(status),
            )]
        });
    }
    match outcome {
        // A client that goes away is no failure of the server's.
        RequestOutcome::Cancelled | RequestOutcome::Abandoned => span.set_error_type(error),
        _ if error.is_empty() => {}
        // Only what the service failed has an error type, so that a 4xx leaves the status unset, as
        // the conventions have it for servers.
        _ => span.fail(error),
    }
}

/// Records the outcome of a gRPC call, beside that of its request: the span is named by the call.
pub(super) fn record_rpc(span: &SpanScope, method: &RpcMethod, outcome: RequestOutcome) {
    span.rename(|| method.span_name().to_owned());
    span.set_attributes(|| rpc_attributes(method));
    let (status, error) = outcome.rpc_labels();
    if let Some(status) = status {
        span.set_attributes(|| [status.attribute()]);
        // Where HTTP has an error of its own, it is the span's already.
        if outcome.labels().1.is_empty() && !error.is_empty() {
            span.fail(error);
        }
    }
}

/// Records the reason of a body that broke off.
pub(super) fn record_broken_body(span: &SpanScope, reason: &str) {
    match reason {
        // Event streams are cut off at each deployment.
        CLIENT_GONE | SHUTDOWN => span.set_error_type(reason),
        _ => span.fail(reason),
    }
}

fn status_code(status: StatusCode) -> i64 {
    i64::from(status.as_u16())
}
