use std::collections::BTreeMap;

use http::{Request, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use crate::record::instruments::{Asked, Ending};
use crate::record::trace::{Headers, OwnRatio, Scope, Tracing};

/// Why a body broke off that was not read to its end.
pub(super) const CLIENT_GONE: &str = "client_gone";

/// Makes the spans of requests.
#[derive(Debug)]
pub(crate) struct Spans {
    tracing: Tracing,
    /// The share of traces that is kept, for routes that have one of their own.
    ratios: BTreeMap<String, f64>,
}

impl Spans {
    /// Routes at 0, such as those of health and the scrape, have no spans.
    pub(crate) fn new(tracing: Tracing, ratios: BTreeMap<String, f64>) -> Self {
        Self { tracing, ratios }
    }

    /// Starts the span of a request, below the caller's if there is one.
    pub(super) fn start<B>(
        &self,
        request: &Request<B>,
        asked: Asked,
        route: &str,
    ) -> Option<Scope> {
        if !self.tracing.is_enabled() {
            return None;
        }
        let mut parent = self.tracing.extract(&Headers(request.headers()));
        if let Some(ratio) = self.ratios.get(route) {
            if *ratio == 0.0 {
                return None;
            }
            parent = parent.with_value(OwnRatio(*ratio));
        }
        let kind = SpanKind::Server;
        let span = self.tracing.start(parent, kind, asked.method(), Vec::new());
        span.set(|| {
            [
                KeyValue::new("http.request.method", asked.method()),
                KeyValue::new("url.scheme", asked.scheme()),
                KeyValue::new("url.path", request.uri().path().to_owned()),
            ]
        });
        Some(span)
    }
}

/// Says what became of a request whose head is answered; its span goes on with the body.
pub(super) fn answered(span: &Scope, asked: Asked, route: &str, ending: Ending) {
    let (status, error) = ending.labels();
    if !route.is_empty() {
        span.rename(|| format!("{} {route}", asked.method()));
        span.set(|| [KeyValue::new("http.route", route.to_owned())]);
    }
    if let Some(status) = status {
        span.set(|| [KeyValue::new("http.response.status_code", code(status))]);
    }
    match ending {
        // A client that goes away is no failure of the server's.
        Ending::Cancelled => span.broke_off(error),
        _ if error.is_empty() => {}
        _ => span.fail(error),
    }
}

/// Says why a body ended before its end.
pub(super) fn broken(span: &Scope, reason: &str) {
    match reason {
        CLIENT_GONE => span.broke_off(reason),
        _ => span.fail(reason),
    }
}

fn code(status: StatusCode) -> i64 {
    i64::from(status.as_u16())
}
