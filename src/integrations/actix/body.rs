//! Bodies of actix-web as those of `http-body`, and back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::middleware::MeasuredBody;

pin_project! {
    /// A body of actix-web for the layer that measures it; `None` stands for that of an error.
    pub(super) struct LayerBody<B> {
        #[pin]
        inner: Option<B>,
    }
}

impl<B> LayerBody<B> {
    pub(super) const fn new(inner: Option<B>) -> Self {
        Self { inner }
    }
}

impl<B: MessageBody> LayerBody<B> {
    fn size(&self) -> BodySize {
        self.inner
            .as_ref()
            .map_or(BodySize::None, MessageBody::size)
    }
}

impl<B: MessageBody> Body for LayerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(inner) = self.project().inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let chunk = ready!(inner.poll_next(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.size(), BodySize::None | BodySize::Sized(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.size() {
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Sized(bytes) => SizeHint::with_exact(bytes),
            BodySize::Stream => SizeHint::default(),
        }
    }
}

pin_project! {
    /// A response body that is measured: the request is active until it ends.
    pub struct ActixBody<B> {
        #[pin]
        inner: MeasuredBody<LayerBody<B>>,
        size: BodySize,
    }
}

impl<B> ActixBody<B> {
    pub(super) const fn new(inner: MeasuredBody<LayerBody<B>>, size: BodySize) -> Self {
        Self { inner, size }
    }
}

impl<B: MessageBody> MessageBody for ActixBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        poll_data(self.project().inner, cx)
    }
}

impl<B> fmt::Debug for ActixBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixBody")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The body of one of the SDK's own routes.
pub(super) struct RouteBody {
    pub(super) inner: axum::body::Body,
    /// The length that the head announces, which that of a response to `HEAD` is, too.
    pub(super) size: BodySize,
}

impl MessageBody for RouteBody {
    type Error = axum::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, axum::Error>>> {
        poll_data(Pin::new(&mut self.inner), cx)
    }
}

/// Polls for data; trailers have no place in actix-web.
fn poll_data<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, B::Error>>> {
    loop {
        match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}
