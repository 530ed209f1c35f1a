//! The middleware: a service of actix-web within the tower layer, for one request.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::error::ErrorInternalServerError;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer as _, Service as TowerService};

use super::body::{ActixBody, LayerBody};
use super::convert;
use crate::middleware::{HttpLayer, ResponseFuture, RouteTemplate};
use crate::record::middleware::mark_measured;

/// The headers that the layer reads: those of a trace, and those that tell a gRPC call.
const HEADERS: [&str; 5] = ["traceparent", "tracestate", "baggage", "content-type", "te"];

/// Measures the requests of an actix-web app. A cheap clone. See [`Telemetry::actix`](crate::Telemetry::actix).
#[derive(Clone, Debug)]
pub struct ActixMiddleware(HttpLayer);

impl ActixMiddleware {
    pub(super) const fn new(layer: HttpLayer) -> Self {
        Self(layer)
    }
}

impl<S, B> Transform<S, ServiceRequest> for ActixMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<ActixBody<B>>;
    type Error = Error;
    type Transform = ActixService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ActixService {
            service: Rc::new(service),
            layer: self.0.clone(),
        }))
    }
}

/// Marks a request of actix-web that is measured.
struct Measured;

/// A service whose requests are measured.
#[derive(Debug)]
pub struct ActixService<S> {
    service: Rc<S>,
    layer: HttpLayer,
}

impl<S, B> Service<ServiceRequest> for ActixService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<ActixBody<B>>;
    type Error = Error;
    type Future = ActixFuture<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let head = request.request();
        let route = head.match_pattern();
        // An app may have the middleware, and a scope in it once more.
        let is_measured = head.extensions_mut().insert(Measured).is_some();
        let wanted = |name: &str| HEADERS.contains(&name);
        let mut measured = convert::request(head, head.path(), wanted, ()).map(|()| request);
        let extensions = measured.extensions_mut();
        if let Some(route) = route {
            extensions.insert(RouteTemplate(route.into()));
        }
        if is_measured {
            mark_measured(extensions);
        }
        let rest = Rest::default();
        let inner = InnerService {
            service: Rc::clone(&self.service),
            rest: Rc::clone(&rest),
        };
        ActixFuture {
            response: self.layer.layer(inner).call(measured),
            rest,
        }
    }
}

/// The parts of a response that the layer does not see, or the error in its place.
type Rest = Rc<Cell<Option<Result<ResponseHead, Error>>>>;

/// A response without its body.
type ResponseHead = (HttpRequest, HttpResponse<()>, BodySize);

/// The service of actix-web as one of tower.
struct InnerService<S> {
    service: Rc<S>,
    rest: Rest,
}

impl<S, B> TowerService<Request<ServiceRequest>> for InnerService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = Response<LayerBody<B>>;
    type Error = Infallible;
    type Future = InnerFuture<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Asked before, by actix-web.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ServiceRequest>) -> Self::Future {
        InnerFuture {
            inner: self.service.call(request.into_body()),
            rest: Rc::clone(&self.rest),
        }
    }
}

pin_project! {
    /// A response under way, within the layer.
    struct InnerFuture<F> {
        #[pin]
        inner: F,
        rest: Rest,
    }
}

impl<F, B> Future for InnerFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<Response<LayerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (status, body, rest) = match ready!(this.inner.poll(cx)) {
            Ok(response) => {
                let (request, response) = response.into_parts();
                let (head, body) = response.into_parts();
                let (status, size) = (head.status(), body.size());
                (status, Some(body), Ok((request, head, size)))
            }
            // actix-web makes a response of it, which is not seen here.
            Err(error) => (error.as_response_error().status_code(), None, Err(error)),
        };
        this.rest.set(Some(rest));
        let mut response = Response::new(LayerBody::new(body));
        *response.status_mut() = convert::status(status);
        Poll::Ready(Ok(response))
    }
}

pin_project! {
    /// A response under way.
    pub struct ActixFuture<F> {
        #[pin]
        response: ResponseFuture<InnerFuture<F>>,
        rest: Rest,
    }
}

impl<F, B> Future for ActixFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ActixBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.response.poll(cx));
        Poll::Ready(match this.rest.take() {
            Some(Ok((request, head, size))) => {
                let body = ActixBody::new(response.into_body(), size);
                Ok(ServiceResponse::new(request, head.set_body(body)))
            }
            Some(Err(error)) => Err(error),
            None => Err(ErrorInternalServerError("polled after its end")),
        })
    }
}

impl<F> fmt::Debug for ActixFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixFuture").finish_non_exhaustive()
    }
}
