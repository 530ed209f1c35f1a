use std::sync::Arc;
use std::time::Instant;

use http::{Request, StatusCode};
use opentelemetry::ContextGuard;

use super::route::Route;
use super::{RequestRecorder, span};
use crate::record::instruments::{FinishedRequest, MethodScheme, RequestOutcome};
use crate::record::trace::SpanScope;

/// A request, from its head to the end of its response's body: it [starts](Self::start),
/// [is answered](Self::record_response) or [ends](Self::finish) without an answer, and its body may
/// [break](Self::record_broken_body).
///
/// Dropped before it was answered, it was cancelled, or a panic dropped it. It moves with the future
/// and the body, so it is kept small.
#[derive(Debug)]
pub(super) struct Exchange {
    recorder: Arc<RequestRecorder>,
    span: Option<SpanScope>,
    route: Route,
    started: Instant,
    method_scheme: MethodScheme,
    recorded: bool,
    /// `true` if it is one of the active requests: not if it seemed to be an operational one.
    active: bool,
}

impl Exchange {
    /// `None` where another layer of ours measures the request already.
    pub(super) fn start<B>(
        recorder: &Arc<RequestRecorder>,
        request: &mut Request<B>,
    ) -> Option<Self> {
        let route = Route::claim(request.extensions_mut())?;
        let method_scheme = MethodScheme::from_request(request);
        let operational_routes = &recorder.operational_routes;
        let is_operational = match route.as_str() {
            "" => operational_routes.contains(request.uri().path()),
            route => operational_routes.presumably_contains(route),
        };
        if !is_operational {
            recorder.api.active(method_scheme).add(1);
        }
        let route_name = route.as_str();
        Some(Self {
            span: recorder
                .spans
                .start(request, method_scheme, route_name, is_operational),
            route,
            started: recorder.clock.now(),
            method_scheme,
            recorded: false,
            active: !is_operational,
            recorder: Arc::clone(recorder),
        })
    }

    /// Records the head of the response; whether a server drops its body unread.
    pub(super) fn record_response(&mut self, status: StatusCode) -> bool {
        self.record(RequestOutcome::Responded(status));
        self.is_bodiless(status)
    }

    pub(super) fn finish(mut self, outcome: RequestOutcome) {
        self.record(outcome);
    }

    /// Makes the request's span the current one, until the answer is dropped.
    pub(super) fn enter(&self) -> Option<ContextGuard> {
        let span = self.span.as_ref()?;
        Some(span.context().clone().attach())
    }

    /// The response's body ended before its end.
    pub(super) fn record_broken_body(&self, reason: &'static str) {
        if let Some(span) = &self.span {
            span::record_broken_body(span, reason);
        }
        let route = self.route.as_str();
        if !self.recorder.operational_routes.contains(route) {
            self.recorder.api.record_broken_body(route, reason);
        }
    }

    /// Returns `true` if a server drops the body of this response unread: what follows a switch of
    /// protocols or a tunnel's opening is no body.
    fn is_bodiless(&self, status: StatusCode) -> bool {
        status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || self.method_scheme.method() == "HEAD"
            || (self.method_scheme.method() == "CONNECT" && status.is_success())
    }

    fn record(&mut self, outcome: RequestOutcome) {
        self.recorded = true;
        let now = self.recorder.clock.now();
        let route = self.route.as_str();
        if let Some(span) = &self.span {
            span::record_outcome(span, self.method_scheme, route, outcome);
        }
        // Known for certain only now: a route is told by what stands behind it.
        if self.recorder.operational_routes.confirm(route) {
            return;
        }
        self.recorder.api.record_request(&FinishedRequest {
            method_scheme: self.method_scheme,
            route,
            outcome,
            elapsed: now.saturating_duration_since(self.started),
            span: self.span.as_ref().and_then(SpanScope::sampled),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.recorded {
            // A service may panic before there is a future to poll.
            self.record(if std::thread::panicking() {
                RequestOutcome::Panicked
            } else {
                RequestOutcome::Cancelled
            });
        }
        if let Some(span) = &self.span {
            span.end();
        }
        if self.active {
            self.recorder.api.active(self.method_scheme).add(-1);
        }
    }
}
