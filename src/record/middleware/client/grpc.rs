//! The layer of a client's gRPC calls: they end with their trailers, and so does what is measured.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

use super::poll_inside;
use crate::record::error_class::error_class;
use crate::record::instruments::{
    CallTarget, ClientInstruments, GrpcCall, GrpcStatus, RequestOutcome, ServerName,
};
use crate::record::middleware::grpc::{AwaitedStatus, HeadOutcome};

/// Measures and traces every gRPC call of the client that it wraps, such as tonic's `Channel`. A cheap clone.
///
/// A call ends with its status, in the trailers or in the head of the response, or with the class of an error
/// (`timeout`, `connection_refused` and so on), by its causes. One that is dropped before, or whose stream is, is
/// `cancelled`. It is recorded in `rpc.client.call.duration`, and not as an HTTP request too.
#[derive(Clone, Debug)]
pub struct GrpcClientLayer {
    instruments: ClientInstruments,
    endpoint: Option<Uri>,
    server: Option<ServerName>,
}

/// A client whose gRPC calls are measured.
#[derive(Clone, Debug)]
pub struct GrpcClientService<S> {
    inner: S,
    layer: GrpcClientLayer,
}

impl GrpcClientLayer {
    pub(crate) const fn new(instruments: ClientInstruments) -> Self {
        Self {
            instruments,
            endpoint: None,
            server: None,
        }
    }

    /// Records calls under the host and the port of this URL where their own has none. A request to a `Channel` of
    /// tonic has none: it is the channel that knows its endpoint (`Endpoint::uri`).
    #[must_use]
    pub fn endpoint(self, endpoint: &Uri) -> Self {
        Self {
            endpoint: Some(endpoint.clone()),
            ..self
        }
    }

    /// Records all calls under this name of a server in place of their hosts; see [`ServerName`], which a single
    /// request may have among its extensions.
    #[must_use]
    pub fn server(self, name: ServerName) -> Self {
        Self {
            server: Some(name),
            ..self
        }
    }

    fn start<B>(&self, request: &mut Request<B>) -> GrpcCall {
        let uri = request.uri().clone();
        let target = CallTarget::from_uri(&uri);
        let endpoint = self.endpoint.as_ref().map(CallTarget::from_uri);
        let target = match endpoint {
            Some(endpoint) if target.host.is_empty() => CallTarget {
                path: target.path,
                ..endpoint
            },
            _ => target,
        };
        let name = request.extensions().get().cloned();
        let name = name.as_ref().or(self.server.as_ref());
        self.instruments
            .start_grpc(target, name, request.headers_mut())
    }
}

impl<S> Layer<S> for GrpcClientLayer {
    type Service = GrpcClientService<S>;

    fn layer(&self, inner: S) -> GrpcClientService<S> {
        GrpcClientService {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for GrpcClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Response = Response<GrpcClientBody<R>>;
    // Boxed, because the causes of an error can't be seen otherwise of those that tower's layers box.
    type Error = BoxError;
    type Future = GrpcClientFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let call = self.layer.start(&mut request);
        let guard = call.context().clone().attach();
        let inner = self.inner.call(request);
        drop(guard);
        GrpcClientFuture {
            inner,
            call: Some(call),
        }
    }
}

pin_project! {
    /// A gRPC call before the head of its response.
    #[derive(Debug)]
    pub struct GrpcClientFuture<F> {
        #[pin]
        inner: F,
        call: Option<GrpcCall>,
    }
}

impl<F, R, E> Future for GrpcClientFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<GrpcClientBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = poll_inside(this.call, || this.inner.poll(cx));
        let outcome = ready!(outcome).map_err(Into::into);
        let call = this.call.take();
        Poll::Ready(match outcome {
            Ok(response) => Ok(measure(call, response)),
            Err(error) => {
                if let Some(call) = call {
                    call.fail_as(error_class(&*error));
                }
                Err(error)
            }
        })
    }
}

/// Ends a call whose status stands in the head, and lets any other go on with the body.
fn measure<R: Body>(call: Option<GrpcCall>, response: Response<R>) -> Response<GrpcClientBody<R>> {
    let mut measured = call.map(|call| (call, HeadOutcome::from_response(&response, true)));
    response.map(|inner| {
        let (mut call, mut awaited) = (None, None);
        match measured.take() {
            Some((ended, HeadOutcome::Known(outcome))) => ended.complete(status_of(outcome)),
            Some((open, HeadOutcome::Awaited(status))) if !inner.is_end_stream() => {
                (call, awaited) = (Some(open), Some(Box::new(status)));
            }
            Some((ended, HeadOutcome::Awaited(status))) => {
                ended.complete(status_of(status.at_end()));
            }
            None => {}
        }
        GrpcClientBody {
            inner,
            call,
            awaited,
        }
    })
}

/// Returns the status of a response that came, be it one of HTTP alone.
const fn status_of(outcome: RequestOutcome) -> GrpcStatus {
    match outcome {
        RequestOutcome::Grpc(status) => status,
        RequestOutcome::Responded(status) => GrpcStatus::from_http(status),
        _ => GrpcStatus::from_http(StatusCode::OK),
    }
}

pin_project! {
    /// The body of a response, which ends the call with its status.
    pub struct GrpcClientBody<B> {
        #[pin]
        inner: B,
        call: Option<GrpcCall>,
        awaited: Option<Box<AwaitedStatus>>,
    }
}

impl<B> Body for GrpcClientBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let frame = poll_inside(this.call, || this.inner.as_mut().poll_frame(cx));
        let frame = ready!(frame).map(|frame| frame.map_err(Into::into));
        let Some(awaited) = this.awaited else {
            return Poll::Ready(frame);
        };
        let status = match &frame {
            Some(Ok(frame)) => awaited.read(frame).map(status_of),
            Some(Err(error)) => {
                if let Some(call) = this.call.take() {
                    call.fail_as(error_class(&**error));
                }
                None
            }
            None => Some(status_of(awaited.at_end())),
        };
        if let Some(status) = status
            && let Some(call) = this.call.take()
        {
            call.complete(status);
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

impl<B> fmt::Debug for GrpcClientBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcClientBody")
            .field("measured", &self.call.is_some())
            .finish_non_exhaustive()
    }
}
