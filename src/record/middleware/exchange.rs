use std::sync::Arc;
use std::time::Instant;

use http::{Request, StatusCode};
use opentelemetry::ContextGuard;

use super::Recorder;
use super::route::Route;
use super::span;
use crate::record::instruments::{Answer, Asked, Ending};
use crate::record::trace::Scope;

/// One request, from its head to the end of its response's body: it [starts](Self::start), is
/// [answered](Self::answered) or [ends](Self::end) without an answer, and its body may
/// [break](Self::broken).
///
/// Dropped before it was answered, it was cancelled, or a panic dropped it. It moves with the future
/// and the body, so it is kept small.
#[derive(Debug)]
pub(super) struct Exchange {
    recorder: Arc<Recorder>,
    span: Option<Scope>,
    route: Route,
    started: Instant,
    asked: Asked,
    recorded: bool,
}

impl Exchange {
    /// `None` where another layer of ours measures the request already.
    pub(super) fn start<B>(recorder: &Arc<Recorder>, request: &mut Request<B>) -> Option<Self> {
        let route = Route::claim(request.extensions_mut())?;
        let asked = Asked::of(request);
        recorder.api.active(asked).add(1);
        Some(Self {
            span: recorder.spans.start(request, asked, route.as_str()),
            route,
            started: recorder.clock.now(),
            asked,
            recorded: false,
            recorder: Arc::clone(recorder),
        })
    }

    /// Records the head of the response; whether a server drops its body unread.
    pub(super) fn answered(&mut self, status: StatusCode) -> bool {
        self.record(Ending::Answered(status));
        self.bodiless(status)
    }

    pub(super) fn end(mut self, ending: Ending) {
        self.record(ending);
    }

    /// Makes the request's span the current one, until the answer is dropped.
    pub(super) fn enter(&self) -> Option<ContextGuard> {
        let span = self.span.as_ref()?;
        Some(span.context().clone().attach())
    }

    /// The response's body ended before its end.
    pub(super) fn broken(&self, reason: &'static str) {
        if let Some(span) = &self.span {
            span::broken(span, reason);
        }
        self.recorder.api.broken(self.route.as_str(), reason);
    }

    /// Whether a server drops the body of this answer unread: what follows a switch of protocols or
    /// a tunnel's opening is no body.
    fn bodiless(&self, status: StatusCode) -> bool {
        status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || self.asked.method() == "HEAD"
            || (self.asked.method() == "CONNECT" && status.is_success())
    }

    fn record(&mut self, ending: Ending) {
        self.recorded = true;
        let now = self.recorder.clock.now();
        let route = self.route.as_str();
        if let Some(span) = &self.span {
            span::answered(span, self.asked, route, ending);
        }
        self.recorder.api.answered(&Answer {
            asked: self.asked,
            route,
            ending,
            elapsed: now.saturating_duration_since(self.started),
            span: self.span.as_ref().and_then(Scope::sampled),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.recorded {
            // A service may panic before there is a future to poll.
            self.record(if std::thread::panicking() {
                Ending::Panicked
            } else {
                Ending::Cancelled
            });
        }
        if let Some(span) = &self.span {
            span.end();
        }
        self.recorder.api.active(self.asked).add(-1);
    }
}
