//! The tower layer: one request, its metrics.
//!
//! Put it on a router after its routes and around layers that answer by themselves (time limits,
//! catching panics, compression), so that it sees their answers:
//!
//! ```text
//! Router::new().route(…).layer(CatchPanicLayer::new()).layer(telemetry.http_layer())
//! ```
//!
//! With axum the route template comes from `MatchedPath`, which is there for layers that were added
//! with `Router::layer`. With other frameworks, put a [`RouteTemplate`] into the request's
//! extensions. A request without either has no route label: a raw path never becomes one.
//!
//! Durations end at the response's head; a request is active until its body ends or breaks off.

mod body;
mod connections;

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

pub use body::MeasuredBody;
pub use connections::{CountConnections, Counted};

use crate::clock::Clock;
use crate::instruments::{Answer, Api, Ending, method_label};
use crate::series::UpDownCounter;

/// The template of the route that a request matched, such as `/posts/{id}`, as a request extension
/// for frameworks other than axum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTemplate(pub Cow<'static, str>);

/// Measures every request of the service that it wraps. A cheap clone.
#[derive(Clone, Debug)]
pub struct HttpLayer {
    api: Api,
    clock: Clock,
}

impl HttpLayer {
    pub(crate) const fn new(api: Api, clock: Clock) -> Self {
        Self { api, clock }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose requests are measured.
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    layer: HttpLayer,
}

impl<S, B, R> Service<Request<B>> for HttpService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: 'static,
    R: http_body::Body,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = Measured<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = Exchange::start(&self.layer, &request);
        Measured {
            inner: self.inner.call(request),
            exchange: Some(exchange),
        }
    }
}

pin_project! {
    /// A response under way.
    #[derive(Debug)]
    pub struct Measured<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, R, E> Future for Measured<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body,
    E: 'static,
{
    type Output = Result<Response<MeasuredBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Dropping on the way out of a panic is the only moment at which a handler's panic can be
        // told from a client that went away: layers further out may catch it.
        let unwinding = Unwinding(this.exchange);
        let outcome = ready!(this.inner.poll(cx));
        let Some(exchange) = unwinding.0.take() else {
            return Poll::Ready(outcome.map(|response| response.map(MeasuredBody::unmeasured)));
        };
        Poll::Ready(match outcome {
            Ok(response) => Ok(exchange.answered(response)),
            Err(error) => {
                exchange.end(if timed_out(&error) {
                    Ending::TimedOut
                } else {
                    Ending::Failed
                });
                Err(error)
            }
        })
    }
}

struct Unwinding<'a>(&'a mut Option<Exchange>);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(exchange) = self.0.take()
        {
            exchange.end(Ending::Panicked);
        }
    }
}

/// One request from its head to its response's head; dropped before that, it was cancelled, or a
/// panic dropped it.
#[derive(Debug)]
struct Exchange {
    api: Api,
    clock: Clock,
    // Only held: the request is active until its body ends.
    _active: Active,
    method: &'static str,
    head: bool,
    scheme: &'static str,
    route: Route,
    started: Instant,
    ended: bool,
}

/// Counts a request as active for as long as it lives.
#[derive(Debug)]
struct Active(Arc<UpDownCounter>);

#[derive(Debug)]
enum Route {
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    Template(Cow<'static, str>),
}

impl Exchange {
    fn start<B>(layer: &HttpLayer, request: &Request<B>) -> Self {
        let method = method_label(request.method());
        let scheme = if request.uri().scheme() == Some(&http::uri::Scheme::HTTPS) {
            "https"
        } else {
            "http"
        };
        let active = layer.api.active(method, scheme);
        active.add(1);
        Self {
            api: layer.api.clone(),
            clock: layer.clock.clone(),
            _active: Active(active),
            method,
            head: request.method() == Method::HEAD,
            scheme,
            route: Route::of(request.extensions()),
            started: layer.clock.now(),
            ended: false,
        }
    }

    fn answered<R: http_body::Body>(mut self, response: Response<R>) -> Response<MeasuredBody<R>> {
        self.record(Ending::Answered(response.status()));
        let bodiless = self.head
            || matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let bodiless = bodiless || response.status().is_informational();
        response.map(|body| MeasuredBody::new(body, bodiless, self))
    }

    fn end(mut self, ending: Ending) {
        self.record(ending);
    }

    /// The response's body ended before its end.
    fn broken(&self, reason: &'static str) {
        self.api.broken(self.route.as_str(), reason);
    }

    fn record(&mut self, ending: Ending) {
        self.ended = true;
        let elapsed = self.clock.now().saturating_duration_since(self.started);
        let (method, scheme, route) = (self.method, self.scheme, self.route.as_str());
        self.api.answered(Answer {
            method,
            route,
            scheme,
            ending,
            elapsed,
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            // A service may panic before there is a future to poll.
            self.record(if std::thread::panicking() {
                Ending::Panicked
            } else {
                Ending::Cancelled
            });
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

impl Route {
    fn of(extensions: &http::Extensions) -> Self {
        #[cfg(feature = "axum")]
        if let Some(path) = extensions.get::<axum::extract::MatchedPath>() {
            return Self::Matched(path.clone());
        }
        Self::Template(
            extensions
                .get::<RouteTemplate>()
                .map_or(Cow::Borrowed(""), |template| template.0.clone()),
        )
    }

    fn as_str(&self) -> &str {
        match self {
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
            Self::Template(template) => template,
        }
    }
}

/// Whether tower's or tokio's time limit is among the causes of an error.
fn timed_out<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    let mut cause: Option<&(dyn Error + 'static)> =
        if let Some(boxed) = error.downcast_ref::<BoxError>() {
            Some(&**boxed)
        } else if error.is::<tower::timeout::error::Elapsed>()
            || error.is::<tokio::time::error::Elapsed>()
        {
            return true;
        } else {
            None
        };
    while let Some(error) = cause {
        if error.is::<tower::timeout::error::Elapsed>() || error.is::<tokio::time::error::Elapsed>()
        {
            return true;
        }
        cause = error.source();
    }
    false
}
