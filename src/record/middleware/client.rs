//! The layers of a client's calls to other services.

mod grpc;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Response};
use opentelemetry::Context as TraceContext;
use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

pub use self::grpc::{GrpcClientBody, GrpcClientFuture, GrpcClientLayer, GrpcClientService};
use crate::record::error_class::error_class;
use crate::record::instruments::{CallTarget, ClientInstruments, GrpcCall, HttpCall, ServerName};

/// Measures and traces every call of the client that it wraps. A cheap clone.
///
/// A call ends with the response's head: with the status, or with the class of the error (`timeout`,
/// `connection_refused` and so on), by its causes. A call that is dropped before is `cancelled`: so put the layer
/// around one that sets a time limit, and each call's limit inside is a `timeout`. Put a layer that sends requests
/// again around this one: each time is a call, and they are of one trace where the caller has one. An error of
/// `poll_ready` is no call: there is no request yet.
#[derive(Clone, Debug)]
pub struct HttpClientLayer {
    instruments: ClientInstruments,
    server: Option<ServerName>,
}

/// A client whose calls are measured.
#[derive(Clone, Debug)]
pub struct HttpClientService<S> {
    inner: S,
    layer: HttpClientLayer,
}

impl HttpClientLayer {
    pub(crate) const fn new(instruments: ClientInstruments) -> Self {
        Self {
            instruments,
            server: None,
        }
    }

    /// Records all calls under this name of a server in place of their hosts; see [`ServerName`], which a single
    /// request may have.
    #[must_use]
    pub fn server(self, name: ServerName) -> Self {
        Self {
            server: Some(name),
            ..self
        }
    }

    pub(crate) const fn instruments(&self) -> &ClientInstruments {
        &self.instruments
    }

    pub(crate) fn server_of<'a>(
        &'a self,
        extensions: &'a http::Extensions,
    ) -> Option<&'a ServerName> {
        extensions.get().or(self.server.as_ref())
    }

    fn start<B>(&self, request: &mut Request<B>) -> HttpCall {
        let uri = request.uri().clone();
        let target = CallTarget::from_uri(&uri);
        let authority = match target.host {
            "" => host_header(request),
            _ => None,
        };
        let target = target.or_authority(authority.as_ref());
        let method = request.method().clone();
        let name = self.server_of(request.extensions()).cloned();
        self.instruments()
            .start(&method, target, name.as_ref(), request.headers_mut())
    }
}

fn host_header<B>(request: &Request<B>) -> Option<Authority> {
    let host = request.headers().get(HOST)?;
    Authority::try_from(host.as_bytes()).ok()
}

impl<S> Layer<S> for HttpClientLayer {
    type Service = HttpClientService<S>;

    fn layer(&self, inner: S) -> HttpClientService<S> {
        HttpClientService {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for HttpClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<R>;
    // Boxed, because the causes of an error can't be seen otherwise of those that tower's layers box.
    type Error = BoxError;
    type Future = HttpClientFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let call = self.layer.start(&mut request);
        let guard = call.context().clone().attach();
        let inner = self.inner.call(request);
        drop(guard);
        HttpClientFuture {
            inner,
            call: Some(call),
        }
    }
}

pin_project! {
    /// A call under way.
    #[derive(Debug)]
    pub struct HttpClientFuture<F> {
        #[pin]
        inner: F,
        call: Option<HttpCall>,
    }
}

impl<F, R, E> Future for HttpClientFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = poll_inside(this.call, || this.inner.poll(cx));
        let outcome = ready!(outcome).map_err(Into::into);
        if let Some(call) = this.call.take() {
            match &outcome {
                Ok(response) => call.complete(response.status()),
                Err(error) => call.fail_as(error_class(&**error)),
            }
        }
        Poll::Ready(outcome)
    }
}

/// A call under way, by HTTP or by gRPC.
trait Call {
    /// The context for what happens inside.
    fn context(&self) -> &TraceContext;
}

impl Call for HttpCall {
    fn context(&self) -> &TraceContext {
        self.context()
    }
}

impl Call for GrpcCall {
    fn context(&self) -> &TraceContext {
        self.context()
    }
}

/// Polls inside the call's span; a panic ends the call.
fn poll_inside<C: Call, R>(call: &mut Option<C>, poll: impl FnOnce() -> R) -> R {
    let panic_guard = PanicGuard(call);
    let guard = panic_guard
        .0
        .as_ref()
        .map(|call| call.context().clone().attach());
    let polled = poll();
    drop(guard);
    polled
}

/// Ends the call with a panic while it unwinds: a layer further out may catch it, and drop the future later.
struct PanicGuard<'a, C>(&'a mut Option<C>);

impl<C> Drop for PanicGuard<'_, C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.take());
        }
    }
}
