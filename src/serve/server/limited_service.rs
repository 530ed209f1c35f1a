//! A service that tells the activity of its requests, and whose request bodies have a deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{BoxError, Service};

use super::activity::Activity;

/// The service of one connection.
#[derive(Clone, Debug)]
pub(super) struct LimitedService<S> {
    service: S,
    activity: Arc<Activity>,
}

/// A request that is in flight until this is dropped.
#[derive(Debug)]
struct RequestInFlight(Arc<Activity>);

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.end_request(Instant::now());
    }
}

impl<S> LimitedService<S> {
    pub(super) const fn new(service: S, activity: Arc<Activity>) -> Self {
        Self { service, activity }
    }
}

impl<S, B> Service<Request<B>> for LimitedService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let activity = &self.activity;
        let has_body = !request.body().is_end_stream();
        activity.begin_request(Instant::now(), request.version(), has_body);
        // Most requests have none.
        let (is_late, request) = if has_body {
            let is_late = Arc::<AtomicBool>::default();
            let body = |inner| RequestBody::new(inner, Arc::clone(activity), Arc::clone(&is_late));
            let request = request.map(|inner| Body::new(body(inner)));
            (Some(is_late), request)
        } else {
            (None, request.map(|_| Body::empty()))
        };
        ResponseFuture {
            in_flight: Some(RequestInFlight(Arc::clone(activity))),
            is_late,
            inner: self.service.call(request),
        }
    }
}

pin_project! {
    /// A response to come, which is 408 where the request's body was late.
    pub(super) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        is_late: Option<Arc<AtomicBool>>,
        in_flight: Option<RequestInFlight>,
    }
}

impl<F: Future<Output = Result<Response<Body>, E>>, E> Future for ResponseFuture<F> {
    type Output = Result<Response<ResponseBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        // Whatever the handler made of a body that broke off.
        let is_late = this.is_late.as_ref();
        if is_late.is_some_and(|late| late.load(Ordering::Relaxed)) {
            response = request_timeout();
        }
        let in_flight = this.in_flight.take();
        Poll::Ready(Ok(response.map(|inner| ResponseBody {
            inner,
            _in_flight: in_flight,
        })))
    }
}

fn request_timeout() -> Response<Body> {
    let body = r#"{"error":"the body took too long"}"#;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "application/json");
    set(header::CACHE_CONTROL, "no-store");
    set(header::CONNECTION, "close");
    response
}

/// The error of a request body that took longer than it may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body took too long")]
struct LateBodyError;

/// A request body with a deadline, from its begin to its end: one that trickles is no better than one that
/// stands still.
#[derive(Debug)]
struct RequestBody<B> {
    inner: B,
    deadline: Option<Instant>,
    /// Made when the body has to wait for the first time, which most never do.
    timer: Option<Pin<Box<Sleep>>>,
    is_late: Arc<AtomicBool>,
    activity: Arc<Activity>,
    is_open: bool,
}

impl<B> RequestBody<B> {
    fn new(inner: B, activity: Arc<Activity>, is_late: Arc<AtomicBool>) -> Self {
        let limit = activity.limits().body_timeout;
        Self {
            inner,
            deadline: limit.map(|limit| Instant::now() + limit),
            timer: None,
            is_late,
            activity,
            is_open: true,
        }
    }

    fn end(&mut self) {
        if self.is_open {
            self.is_open = false;
            self.activity.end_body();
        }
    }

    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(context)
    }
}

impl<B: HttpBody + Unpin> HttpBody for RequestBody<B>
where
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            let is_last = !matches!(frame, Some(Ok(_))) || self.inner.is_end_stream();
            if is_last {
                self.end();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.poll_late(context));
        self.end();
        self.is_late.store(true, Ordering::Relaxed);
        self.activity.record_late_body();
        Poll::Ready(Some(Err(LateBodyError.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if self.is_open {
            self.activity.end_body();
        }
    }
}

/// A response body, with which the request ends.
#[derive(Debug)]
pub(super) struct ResponseBody {
    inner: Body,
    _in_flight: Option<RequestInFlight>,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
