//! The service of a connection: the app, whose requests are in flight until their bodies and those of their
//! responses end.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;

use super::connection::{Connection, Connections, InFlightRequest};
use super::listener::AppListener;
use crate::record::middleware::OperationalRoutes;
use crate::serve::mount::PathTemplate;
use crate::serve::routes::ScrapeAnswer;

const SHUTTING_DOWN: &str = "the service is shutting down";

/// The paths of the SDK's own routes, as far as they are known.
#[derive(Clone, Debug)]
pub(crate) struct OperationalPaths {
    routes: OperationalRoutes,
    /// The scrape, also where the service answers it itself.
    scrape: Arc<str>,
}

/// The requests that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestPolicy {
    All,
    /// Those to the SDK's own routes; the others get 503.
    OperationalOnly,
}

/// Makes the service of each connection.
#[derive(Clone, Debug)]
pub(crate) struct AppMaker<A> {
    app: A,
    connections: Connections,
    paths: OperationalPaths,
    policy: RequestPolicy,
}

/// The service of a connection.
#[derive(Clone, Debug)]
pub(crate) struct AppService<A, P> {
    maker: AppMaker<A>,
    connection: Arc<Connection>,
    peer: P,
}

impl OperationalPaths {
    pub(crate) fn new(routes: OperationalRoutes, scrape: &str) -> Self {
        Self {
            routes,
            scrape: scrape.into(),
        }
    }

    fn contains(&self, path: &str) -> bool {
        let matches = |template: &str| PathTemplate::new(template).matches(path);
        path == &*self.scrape || self.routes.presumably_contains_path(path, matches)
    }
}

impl<A: Clone + 'static> AppMaker<A> {
    pub(crate) fn new(app: A, connections: Connections, paths: OperationalPaths) -> Self {
        Self {
            app: with_layers_applied(app),
            connections,
            paths,
            policy: RequestPolicy::All,
        }
    }

    pub(crate) fn with_policy(mut self, policy: RequestPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// Returns the app; a router with its layers applied, which it would do for each request otherwise.
fn with_layers_applied<A: 'static>(mut app: A) -> A {
    let any: &mut dyn Any = &mut app;
    if let Some(router) = any.downcast_mut::<Router>() {
        *router = std::mem::take(router).with_state(());
    }
    app
}

impl<L, A> Service<IncomingStream<'_, AppListener<L>>> for AppMaker<A>
where
    L: Listener,
    L::Addr: Clone,
    A: Clone,
{
    type Response = AppService<A, L::Addr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, AppListener<L>>) -> Self::Future {
        ready(Ok(AppService {
            maker: self.clone(),
            connection: Arc::clone(stream.io().connection()),
            peer: stream.remote_addr().clone(),
        }))
    }
}

impl<A, P> Service<Request> for AppService<A, P>
where
    A: Service<Request, Error = Infallible>,
    A::Response: IntoResponse,
    P: Clone + Send + Sync + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = AppFuture<A::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.maker.app.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let AppMaker {
            app,
            connections,
            paths,
            policy,
        } = &mut self.maker;
        let is_operational = paths.contains(request.uri().path());
        let is_answered = is_operational || *policy == RequestPolicy::All;
        let guard = connections.begin_request(&self.connection, !is_operational && is_answered);
        let exchange = Exchange {
            guard: Arc::new(guard),
            connections: connections.clone(),
            is_connect: request.method() == Method::CONNECT,
            is_http_1: request.version() < Version::HTTP_2,
        };
        let inner = is_answered.then(|| {
            let extensions = request.extensions_mut();
            extensions.insert(ConnectInfo(self.peer.clone()));
            app.call(exchange.accept(request))
        });
        AppFuture {
            inner,
            exchange: Some(exchange),
        }
    }
}

/// A request under way.
#[derive(Debug)]
struct Exchange {
    guard: Arc<InFlightRequest>,
    connections: Connections,
    is_connect: bool,
    is_http_1: bool,
}

impl Exchange {
    /// Returns the request, whose body keeps it in flight too: a handler may answer before it has read all of it.
    fn accept(&self, request: Request) -> Request {
        if self.is_connect {
            // What follows is no body.
            return request;
        }
        request.map(|body| TrackedBody::track(body, &self.guard))
    }

    /// Returns whether its time is over. A task that waits for HTTP/2 is not woken by it.
    fn is_cut_off(&self) -> bool {
        self.guard.connection().is_ending()
    }

    /// Returns the response, whose body keeps the request in flight.
    fn respond(self, mut response: Response) -> Response {
        let status = response.status();
        let is_switch =
            status == StatusCode::SWITCHING_PROTOCOLS || self.is_connect && status.is_success();
        if is_switch {
            // What follows is no body, and has no end that a stop could wait for. Of HTTP/2 it is one stream among
            // others.
            if self.is_http_1 {
                self.guard.connection().set_upgraded();
            }
            return response;
        }
        if response.extensions().get::<ScrapeAnswer>().is_some() {
            self.connections.note_scrape();
        }
        // Asked now and not when it began: the drain may have begun meanwhile.
        if self.is_http_1 && self.connections.is_draining() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response.map(|body| TrackedBody::track(body, &self.guard))
    }
}

pin_project! {
    /// The response of a request to come; `None` for one that isn't answered by the app.
    #[derive(Debug)]
    pub(crate) struct AppFuture<F> {
        #[pin]
        inner: Option<F>,
        exchange: Option<Exchange>,
    }
}

impl<F, R> Future for AppFuture<F>
where
    F: Future<Output = Result<R, Infallible>>,
    R: IntoResponse,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let response = match this.inner.as_mut().as_pin_mut() {
            Some(inner) => match (inner.poll(cx), &*this.exchange) {
                (Poll::Ready(Ok(response)), _) => response.into_response(),
                (Poll::Pending, Some(exchange)) if exchange.is_cut_off() => {
                    // Now, so that it is recorded before its answer is sent.
                    this.inner.set(None);
                    refusal()
                }
                (Poll::Pending, _) => return Poll::Pending,
            },
            None => refusal(),
        };
        Poll::Ready(Ok(match this.exchange.take() {
            Some(exchange) => exchange.respond(response),
            None => response,
        }))
    }
}

/// Returns the answer to a request that comes too late.
fn refusal() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "1"),
    ];
    let body = format!("{{\"error\":\"{SHUTTING_DOWN}\"}}");
    (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
}

/// A body that keeps its request in flight.
struct TrackedBody {
    inner: Body,
    guard: Option<Arc<InFlightRequest>>,
}

impl TrackedBody {
    /// Returns a body that keeps the request in flight to its end.
    fn track(inner: Body, guard: &Arc<InFlightRequest>) -> Body {
        if http_body::Body::is_end_stream(&inner) {
            return inner;
        }
        let guard = Some(Arc::clone(guard));
        Body::new(Self { inner, guard })
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let is_cut_off = |guard: &Arc<InFlightRequest>| guard.connection().is_ending();
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending if self.guard.as_ref().is_some_and(is_cut_off) => {
                // Dropped, so that it is recorded before its connection breaks off.
                self.inner = Body::empty();
                Some(Err(axum::Error::new(SHUTTING_DOWN)))
            }
            Poll::Pending => return Poll::Pending,
        };
        // hyper tells the end of an upload that was answered before with the next request alone; its length tells it
        // now.
        if !matches!(frame, Some(Ok(_))) || self.inner.is_end_stream() {
            self.guard = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for TrackedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrackedBody").field(&self.inner).finish()
    }
}
