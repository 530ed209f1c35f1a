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
    /// A response body that records when it ended, and whether it broke off.
    pub struct MeasuredBody<B> {
        #[pin]
        inner: B,
        measurement: Option<BodyMeasurement>,
    }
}

/// The bytes that are still to be sent to the client. Dropped while something is, the client has
/// gone away.
struct BodyMeasurement {
    exchange: Exchange,
    /// Bytes still to come, where the length was known.
    remaining_bytes: Option<u64>,
}

/// Records the head of a response, and measures its body.
pub(super) fn measure_body<B: Body>(
    mut exchange: Exchange,
    response: Response<B>,
) -> Response<MeasuredBody<B>> {
    let is_bodiless = exchange.record_response(response.status());
    response.map(|body| MeasuredBody::new(body, is_bodiless, exchange))
}

impl<B: Body> MeasuredBody<B> {
    fn new(inner: B, is_bodiless: bool, exchange: Exchange) -> Self {
        if is_bodiless || inner.is_end_stream() {
            return Self::unmeasured(inner);
        }
        let remaining_bytes = inner.size_hint().exact();
        Self {
            measurement: Some(BodyMeasurement {
                exchange,
                remaining_bytes,
            }),
            inner,
        }
    }

    pub(super) const fn unmeasured(inner: B) -> Self {
        Self {
            inner,
            measurement: None,
        }
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
        let guard = this
            .measurement
            .as_ref()
            .and_then(|measurement| measurement.exchange.enter());
        let frame = this.inner.as_mut().poll_frame(cx);
        drop(guard);
        let frame = ready!(frame);
        match &frame {
            Some(Ok(frame)) => {
                // A server stops asking when it has the bytes that the length announced.
                let sent = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                let all_sent = this
                    .measurement
                    .as_mut()
                    .is_some_and(|measurement| measurement.record_sent(sent));
                if all_sent || this.inner.is_end_stream() {
                    BodyMeasurement::complete(this.measurement);
                }
            }
            Some(Err(_)) => BodyMeasurement::record_broken(this.measurement, "body_error"),
            None => BodyMeasurement::complete(this.measurement),
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

impl BodyMeasurement {
    fn record_sent(&mut self, bytes: u64) -> bool {
        self.remaining_bytes = self
            .remaining_bytes
            .map(|remaining_bytes| remaining_bytes.saturating_sub(bytes));
        self.remaining_bytes == Some(0)
    }

    fn complete(measurement: &mut Option<Self>) {
        if let Some(measurement) = measurement {
            measurement.remaining_bytes = Some(0);
        }
        *measurement = None;
    }

    fn record_broken(measurement: &mut Option<Self>, reason: &'static str) {
        if let Some(measurement) = measurement {
            measurement.exchange.record_broken_body(reason);
        }
        Self::complete(measurement);
    }
}

impl Drop for BodyMeasurement {
    fn drop(&mut self) {
        if self.remaining_bytes != Some(0) {
            self.exchange.record_broken_body(CLIENT_GONE);
        }
    }
}

impl<B> fmt::Debug for MeasuredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredBody")
            .field("measured", &self.measurement.is_some())
            .finish_non_exhaustive()
    }
}
