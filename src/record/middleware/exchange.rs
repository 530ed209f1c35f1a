//! | state | by | recorded |
//! |---|---|---|
//! | started | `start` | active request, span |
//! | answered | `record_response` | count, duration, objectives |
//! | broken | `record_broken_body` | counter, span |
//! | dropped, not answered | a cancelled future, the service's end, or a panic | as cancelled, cut off, or panicked |
//! | dropped | always | the span ends, the active request too |

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use opentelemetry::ContextGuard;

use super::grpc::{self, AwaitedOutcome, HeadOutcome};
use super::route::Route;
use super::span::CLIENT_GONE;
use super::{RequestRecorder, span};
use crate::record::instruments::{
    FinishedRequest, FinishedRpc, MethodScheme, RequestOutcome, RpcMethod, SHUTDOWN,
};
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
    /// `None` where spans are off, or the route has none.
    span: Option<SpanScope>,
    route: Route,
    started: Instant,
    method_scheme: MethodScheme,
    /// Guards against recording twice: every exchange counts exactly once.
    recorded: bool,
    /// `true` if it is one of the active requests: not if it seemed to be an operational one.
    active: bool,
    /// The method of a gRPC call; `None` for other requests.
    rpc_method: Option<RpcMethod>,
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
            // Without a route the path is all there is; only one that is known for certain is
            // believed.
            "" => operational_routes.contains(request.uri().path()),
            route => operational_routes.presumably_contains(route),
        };
        if !is_operational {
            recorder.api.active(method_scheme).add(1);
        }
        let route_name = route.as_str();
        let is_grpc = method_scheme.method() == "POST" && grpc::is_grpc(request.headers());
        let find_method = || recorder.api.rpc_methods().find(request.uri().path());
        Some(Self {
            rpc_method: is_grpc.then(find_method),
            span: recorder
                .spans
                .start(request, method_scheme, route_name, is_operational),
            route,
            // After the span, so that what it costs is not part of the duration.
            started: recorder.clock.now(),
            method_scheme,
            recorded: false,
            active: !is_operational,
            recorder: Arc::clone(recorder),
        })
    }

    /// Records the head of the response, unless it is the head of a gRPC call: its status is returned to be
    /// awaited.
    pub(super) fn record_response<B>(&mut self, response: &Response<B>) -> Option<AwaitedOutcome> {
        let elapsed = self.elapsed();
        match HeadOutcome::from_response(response, self.rpc_method.is_some()) {
            HeadOutcome::Awaited(status) if !self.is_bodiless(response.status()) => {
                Some(AwaitedOutcome { status, elapsed })
            }
            HeadOutcome::Awaited(_) => {
                self.record(RequestOutcome::Responded(response.status()), elapsed);
                None
            }
            HeadOutcome::Known(outcome) => {
                self.record(outcome, elapsed);
                None
            }
        }
    }

    /// Records a request that ended without a response's head.
    pub(super) fn finish(mut self, outcome: RequestOutcome) {
        self.record(outcome, self.elapsed());
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
        self.count_broken_body(reason);
    }

    /// The same for a request whose outcome says it already.
    pub(super) fn count_broken_body(&self, reason: &'static str) {
        let route = self.route.as_str();
        if !self.recorder.operational_routes.contains(route) {
            self.recorder.api.record_broken_body(route, reason);
        }
    }

    /// The outcome and the reason of a body that is dropped before its end.
    pub(super) fn drop_outcome(&self) -> (RequestOutcome, &'static str) {
        match self.recorder.api.drop_outcome(true) {
            RequestOutcome::CutOff => (RequestOutcome::CutOff, SHUTDOWN),
            outcome => (outcome, CLIENT_GONE),
        }
    }

    /// Returns `true` if a server drops the body of this response unread: what follows a switch of
    /// protocols or a tunnel's opening is no body.
    pub(super) fn is_bodiless(&self, status: StatusCode) -> bool {
        status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || self.method_scheme.method() == "HEAD"
            || (self.method_scheme.method() == "CONNECT" && status.is_success())
    }

    fn elapsed(&self) -> Duration {
        let now = self.recorder.clock.now();
        now.saturating_duration_since(self.started)
    }

    /// Records the outcome, with the time to the response's head or to the end without one.
    pub(super) fn record(&mut self, outcome: RequestOutcome, elapsed: Duration) {
        // First: whatever happens below must not be repeated by the drop.
        self.recorded = true;
        if let Some(method) = &mut self.rpc_method {
            self.recorder.api.confirm_method(method, outcome);
        }
        let route = self.route.as_str();
        if let Some(span) = &self.span {
            span::record_outcome(span, self.method_scheme, route, outcome);
            if let Some(method) = &self.rpc_method {
                span::record_rpc(span, method, outcome);
            }
        }
        // Known for certain only now: a route is told by what stands behind it.
        // The SDK's own requests have a counter of their own, in the inner layer.
        if self.recorder.operational_routes.confirm(route) {
            return;
        }
        let span = self.span.as_ref().and_then(SpanScope::sampled);
        self.recorder.api.record_request(&FinishedRequest {
            method_scheme: self.method_scheme,
            route,
            outcome,
            elapsed,
            span,
        });
        if let Some(method) = &self.rpc_method {
            self.recorder.api.record_rpc(&FinishedRpc {
                method,
                outcome,
                // To the status, as the conventions for calls have it.
                elapsed: self.elapsed(),
                span,
            });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.recorded {
            // A service may panic before there is a future to poll.
            let outcome = if std::thread::panicking() {
                RequestOutcome::Panicked
            } else {
                self.recorder.api.drop_outcome(false)
            };
            self.record(outcome, self.elapsed());
        }
        if let Some(span) = &self.span {
            span.end();
        }
        // By what was decided at the start, and not by what is known now: the gauge must get back
        // what it was given.
        if self.active {
            self.recorder.api.active(self.method_scheme).add(-1);
        }
    }
}
