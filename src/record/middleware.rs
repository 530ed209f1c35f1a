//! The tower layer: one request, its metrics and its span.
//!
//! [`Telemetry::mount`](crate::Telemetry::mount) puts it where it belongs, with the SDK's own routes beside.
//! By hand, put it on a router after its routes and its fallback, around layers that answer by themselves
//! (time limits, catching panics, compression), so that it sees their answers; the SDK's own routes
//! come last:
//!
//! ```text
//! Router::new()
//!     .route(…)
//!     .fallback(…)                        // if there is one
//!     .layer(CatchPanicLayer::new())
//!     .layer(telemetry.http_layer())
//!     .merge(telemetry.routes())
//! ```
//!
//! A request for an unknown path counts once in this order and in every other one that axum accepts,
//! also where routers are nested. Only a fallback that is set after the layer is outside of it, as
//! with every layer, and goes uncounted. Put one layer around a route: two count it twice.
//!
//! With axum the route template comes from `MatchedPath`, which is there for layers that were added
//! with `Router::layer`. A router that is nested with `nest_service` knows its routes only within:
//! there the layer goes inside, and where there is one outside too, it is told the route. With other
//! frameworks, put a [`RouteTemplate`] into the request's extensions. A request without a route has
//! no route label: a raw path never becomes one.
//!
//! The span is a child of the caller's, by its headers, and current for everything inside the layer;
//! it ends with the response's body. Where its trace is kept, the request becomes the exemplar of its
//! bucket of durations, by which a dashboard leads from slow requests to the trace of one.
//!
//! Durations end at the response's head; a request is active until its body ends or breaks off. A
//! switch of protocols (101) and an opened tunnel (`CONNECT`) end there too: what follows is no body.
//!
//! A gRPC call is a request whose response is a 200 in every case; its outcome is the status in the trailers,
//! and it is recorded when they come, with the time to the response's head. `UNKNOWN`, `DEADLINE_EXCEEDED`,
//! `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS` are the server's errors and the `error.type`;
//! every other status is the caller's affair. A client that goes away before the status has cancelled the
//! call. A response that ends or breaks off without a status is `UNKNOWN`, as it is to the client. Calls of
//! gRPC-Web are told by what their body says.
//!
//! A gRPC call is also in `rpc.server.call.duration`, by method and status, with the time to its status, and its span
//! is named by the method (<https://opentelemetry.io/docs/specs/semconv/rpc/>, 1.45). A method is known once a call of it
//! had a status that only the method itself gives: before, and past 1,000 methods, it is `_OTHER`, so that a client makes no
//! series by inventing names. Calls of gRPC-Web are requests alone.
//!
//! The SDK's own routes are no part of the API: their requests are in none of these metrics and have no
//! span, unless `traces.routes` names their route. They count themselves, in
//! `vantage.telemetry.http.requests`. Where a service nests them, their templates become known with the
//! first request of each, which is still one of the active requests and may have a span.

mod body;
mod client;
mod connections;
#[cfg(feature = "axum")]
mod count_operational;
mod exchange;
mod grpc;
pub(crate) mod grpc_web;
mod operational_routes;
mod route;
mod span;
mod timeout;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

pub use body::MeasuredBody;
pub use client::{
    GrpcClientBody, GrpcClientFuture, GrpcClientLayer, GrpcClientService, HttpClientFuture,
    HttpClientLayer, HttpClientService,
};
pub use connections::{ConnectionService, CountConnections};
#[cfg(feature = "axum")]
pub(crate) use count_operational::CountOperational;
pub(crate) use operational_routes::OperationalRoutes;
#[cfg(feature = "axum")]
pub(crate) use route::MountedRoute;
pub use route::RouteTemplate;
#[cfg(feature = "actix")]
pub(crate) use route::mark_measured;
pub(crate) use span::RequestSpans;

use self::exchange::Exchange;
use self::timeout::timed_out;
use crate::record::clock::Clock;
use crate::record::instruments::{ApiInstruments, RequestOutcome};

/// Measures every request of the service that it wraps. A cheap clone.
#[derive(Clone, Debug)]
pub struct HttpLayer(Arc<RequestRecorder>);

/// The shared state of all requests. Shared, because a layer is cloned, and a request begins, all
/// the time: axum applies its layers anew for each request of a router without `with_state`.
#[derive(Debug)]
// One pointer in layer, service and exchange instead of four: they are cloned for each request.
struct RequestRecorder {
    api: ApiInstruments,
    clock: Clock,
    spans: RequestSpans,
    operational_routes: OperationalRoutes,
}

impl HttpLayer {
    pub(crate) fn new(
        api: ApiInstruments,
        clock: Clock,
        spans: RequestSpans,
        operational_routes: OperationalRoutes,
    ) -> Self {
        Self(Arc::new(RequestRecorder {
            api,
            clock,
            spans,
            operational_routes,
        }))
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService {
            inner,
            recorder: Arc::clone(&self.0),
        }
    }
}

/// A service whose requests are measured.
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    recorder: Arc<RequestRecorder>,
}

impl<S, B, R> Service<Request<B>> for HttpService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: 'static,
    R: http_body::Body,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // `None` where a layer further out measures already: the request passes through.
        let exchange = Exchange::start(&self.recorder, &mut request);
        // `call` may already run code of the handler, which belongs into the span.
        let guard = exchange.as_ref().and_then(Exchange::enter);
        let inner = self.inner.call(request);
        drop(guard);
        ResponseFuture { inner, exchange }
    }
}

pin_project! {
    /// A response under way.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
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
        // Taken out only when the outcome is known: a panic of `poll` drops the guard with the
        // exchange inside.
        let panic_guard = PanicGuard(this.exchange);
        let guard = panic_guard.0.as_ref().and_then(Exchange::enter);
        let outcome = this.inner.poll(cx);
        // Detached before the outcome is recorded, and before a pending future returns to the
        // runtime: a context that stays attached would be that of the next task on this thread.
        drop(guard);
        let outcome = ready!(outcome);
        let Some(exchange) = panic_guard.0.take() else {
            return Poll::Ready(outcome.map(|response| response.map(MeasuredBody::unmeasured)));
        };
        Poll::Ready(match outcome {
            Ok(response) => Ok(body::measure_body(exchange, response)),
            Err(error) => {
                exchange.finish(if timed_out(&error) {
                    RequestOutcome::TimedOut
                } else {
                    RequestOutcome::Failed
                });
                Err(error)
            }
        })
    }
}

/// Records a panic while it unwinds through `poll`.
struct PanicGuard<'a>(&'a mut Option<Exchange>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(exchange) = self.0.take()
        {
            exchange.finish(RequestOutcome::Panicked);
        }
    }
}
