//! | the body | recorded |
//! |---|---|
//! | ends, or all announced bytes were polled | nothing more |
//! | yields an error | `body_error` |
//! | is dropped before | `client_gone` |

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::grpc::AwaitedOutcome;
use crate::record::instruments::{GrpcStatus, RequestOutcome};

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
    /// `None` for a stream, which ends when it says so.
    remaining_bytes: Option<u64>,
    /// The status of a gRPC call that is still to come. In a box, so that other bodies stay small.
    awaited: Option<Box<AwaitedOutcome>>,
}

/// Records the head of a response, and measures its body.
pub(super) fn measure_body<B: Body>(
    mut exchange: Exchange,
    response: Response<B>,
) -> Response<MeasuredBody<B>> {
    let awaited = exchange.record_response(&response).map(Box::new);
    let is_bodiless = exchange.is_bodiless(response.status());
    response.map(|body| MeasuredBody::new(body, is_bodiless, exchange, awaited))
}

impl<B: Body> MeasuredBody<B> {
    fn new(
        inner: B,
        is_bodiless: bool,
        exchange: Exchange,
        awaited: Option<Box<AwaitedOutcome>>,
    ) -> Self {
        let remaining_bytes = inner.size_hint().exact();
        let mut measurement = Some(BodyMeasurement {
            exchange,
            remaining_bytes,
            awaited,
        });
        // Never polled by a server, so that waiting for its end would call every such response broken.
        if is_bodiless || inner.is_end_stream() {
            BodyMeasurement::complete(&mut measurement);
        }
        Self { inner, measurement }
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
        // Streams often do their work while they are polled; their log lines belong to the request.
        let panic_guard = PanicGuard(this.measurement);
        let guard = panic_guard
            .0
            .as_ref()
            .and_then(|measurement| measurement.exchange.enter());
        let frame = this.inner.as_mut().poll_frame(cx);
        drop(guard);
        drop(panic_guard);
        let frame = ready!(frame);
        match &frame {
            Some(Ok(frame)) => {
                // A server stops asking when it has the bytes that the length announced.
                // Trailers carry no data and count as nothing.
                let all_sent = this
                    .measurement
                    .as_mut()
                    .is_some_and(|measurement| measurement.record_sent(frame));
                if all_sent || this.inner.is_end_stream() {
                    BodyMeasurement::complete(this.measurement);
                }
            }
            Some(Err(_)) => {
                let outcome = RequestOutcome::Grpc(GrpcStatus::UNKNOWN);
                BodyMeasurement::record_broken(this.measurement, outcome);
            }
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
    /// Returns `true` if the frame is the last one.
    fn record_sent<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        let outcome = self
            .awaited
            .as_mut()
            .and_then(|awaited| awaited.status.read(frame));
        if let Some(outcome) = outcome {
            self.record_awaited(outcome);
        }
        let sent = frame.data_ref().map_or(0, |data| data.remaining() as u64);
        self.remaining_bytes = self
            .remaining_bytes
            .map(|remaining_bytes| remaining_bytes.saturating_sub(sent));
        // Trailers follow the last byte of a gRPC call.
        frame.is_trailers() || (self.remaining_bytes == Some(0) && self.awaited.is_none())
    }

    /// Records the outcome of a gRPC call that has none so far; returns `false` for what is no such call.
    fn record_awaited(&mut self, outcome: RequestOutcome) -> bool {
        let awaited = self.awaited.take();
        if let Some(awaited) = &awaited {
            self.exchange.record(outcome, awaited.elapsed);
        }
        awaited.is_some()
    }

    fn complete(measurement: &mut Option<Self>) {
        if let Some(measurement) = measurement {
            // Marked as complete before it is dropped, because dropping is what records a break.
            measurement.remaining_bytes = Some(0);
        }
        *measurement = None;
    }

    /// Records a body that failed, and the outcome of a gRPC call that has none so far.
    fn record_broken(measurement: &mut Option<Self>, outcome: RequestOutcome) {
        if let Some(measurement) = measurement {
            measurement.break_off(outcome, "body_error");
        }
        Self::complete(measurement);
    }

    fn break_off(&mut self, outcome: RequestOutcome, reason: &'static str) {
        if self.record_awaited(outcome) {
            self.exchange.count_broken_body(reason);
        } else {
            self.exchange.record_broken_body(reason);
        }
    }
}

impl Drop for BodyMeasurement {
    fn drop(&mut self) {
        if self.remaining_bytes == Some(0) {
            if let Some(awaited) = &self.awaited {
                let outcome = awaited.status.at_end();
                self.record_awaited(outcome);
            }
        } else {
            let (outcome, reason) = self.exchange.drop_outcome();
            self.break_off(outcome, reason);
        }
    }
}

/// Records a panic on its way out of a body: dropped later, the body would be that of a client that went away.
struct PanicGuard<'a>(&'a mut Option<BodyMeasurement>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            BodyMeasurement::record_broken(self.0, RequestOutcome::Panicked);
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
