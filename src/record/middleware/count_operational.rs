//! The layer around each of the SDK's own routes.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::OperationalRoutes;
use super::route::Route;
use crate::record::instruments::{MethodScheme, OperationalRequests};

/// Counts requests to the SDK's own routes, and makes the routes known to the layers that measure the
/// API.
#[derive(Clone, Debug)]
pub(crate) struct CountOperational {
    /// Learns where the service has put the route.
    routes: OperationalRoutes,
    requests: OperationalRequests,
}

/// One of the SDK's routes, whose requests are counted.
#[derive(Clone, Debug)]
pub(crate) struct OperationalRoute<S> {
    inner: S,
    layer: CountOperational,
}

/// A request under way. Dropped without a status, nothing was answered.
#[derive(Debug)]
struct OperationalRequest {
    requests: OperationalRequests,
    method_scheme: MethodScheme,
    /// With the prefix of a nested router: as clients see it.
    route: Option<Route>,
    /// `None` until the answer.
    status: Option<StatusCode>,
}

impl CountOperational {
    pub(crate) const fn new(routes: OperationalRoutes, requests: OperationalRequests) -> Self {
        Self { routes, requests }
    }

    fn start<B>(&self, request: &Request<B>) -> OperationalRequest {
        let route = Route::announce(request.extensions());
        if let Some(route) = &route {
            // Before the handler runs, so that the layer outside sees it when it records.
            self.routes.insert(route.as_str());
        }
        OperationalRequest {
            requests: self.requests.clone(),
            method_scheme: MethodScheme::from_request(request),
            route,
            status: None,
        }
    }
}

impl<S> Layer<S> for CountOperational {
    type Service = OperationalRoute<S>;

    fn layer(&self, inner: S) -> OperationalRoute<S> {
        OperationalRoute {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for OperationalRoute<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = OperationalFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        OperationalFuture {
            request: self.layer.start(&request),
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// A response under way.
    #[derive(Debug)]
    pub(crate) struct OperationalFuture<F> {
        #[pin]
        inner: F,
        request: OperationalRequest,
    }
}

impl<F, R> Future for OperationalFuture<F>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // The error is `Infallible`: handlers of axum answer everything.
        let Ok(response) = ready!(this.inner.poll(cx));
        this.request.status = Some(response.status());
        Poll::Ready(Ok(response))
    }
}

impl Drop for OperationalRequest {
    fn drop(&mut self) {
        let route = self.route.as_ref().map_or("", Route::as_str);
        self.requests
            .record(self.method_scheme.method(), self.status, route);
    }
}
