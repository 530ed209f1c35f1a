use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::span::CLIENT_GONE;

pin_project! {
    /// A response body that tells when it ended, and whether it broke off.
    pub struct MeasuredBody<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

/// What is still owed to the client. Dropped while something is, the client has gone away.
struct Watch {
    exchange: Exchange,
    /// Bytes still to come, where the length was known.
    owed: Option<u64>,
}

/// Records the head of a response, and measures its body.
pub(super) fn measured<B: Body>(
    mut exchange: Exchange,
    response: Response<B>,
) -> Response<MeasuredBody<B>> {
    let bodiless = exchange.answered(response.status());
    response.map(|body| MeasuredBody::new(body, bodiless, exchange))
}

impl<B: Body> MeasuredBody<B> {
    fn new(inner: B, bodiless: bool, exchange: Exchange) -> Self {
        if bodiless || inner.is_end_stream() {
            return Self::unmeasured(inner);
        }
        let owed = inner.size_hint().exact();
        Self {
            watch: Some(Watch { exchange, owed }),
            inner,
        }
    }

    pub(super) const fn unmeasured(inner: B) -> Self {
        Self { inner, watch: None }
    }
}

impl<B: Body> Body for MeasuredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let inside = this.watch.as_ref().and_then(|watch| watch.exchange.enter());
        let frame = this.inner.as_mut().poll_frame(cx);
        drop(inside);
        let frame = ready!(frame);
        match &frame {
            Some(Ok(frame)) => {
                // A server stops asking when it has the bytes that the length announced.
                let sent = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                let all_sent = this.watch.as_mut().is_some_and(|watch| watch.sent(sent));
                if all_sent || this.inner.is_end_stream() {
                    Watch::complete(this.watch);
                }
            }
            Some(Err(_)) => Watch::broken(this.watch, "body_error"),
            None => Watch::complete(this.watch),
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

impl Watch {
    fn sent(&mut self, bytes: u64) -> bool {
        self.owed = self.owed.map(|owed| owed.saturating_sub(bytes));
        self.owed == Some(0)
    }

    fn complete(watch: &mut Option<Self>) {
        if let Some(watch) = watch {
            watch.owed = Some(0);
        }
        *watch = None;
    }

    fn broken(watch: &mut Option<Self>, reason: &'static str) {
        if let Some(watch) = watch {
            watch.exchange.broken(reason);
        }
        Self::complete(watch);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.owed != Some(0) {
            self.exchange.broken(CLIENT_GONE);
        }
    }
}

impl<B> fmt::Debug for MeasuredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredBody")
            .field("measured", &self.watch.is_some())
            .finish_non_exhaustive()
    }
}
