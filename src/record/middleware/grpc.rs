//! The status of a gRPC call: in the trailers of a response that HTTP calls a success, in its head where
//! there is no message, or for gRPC-Web in the last part of its body.

use std::time::Duration;

use bytes::Buf;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;

use super::grpc_web::{WebFrames, WebTrailers};
use crate::record::instruments::{GrpcStatus, RequestOutcome};

const GRPC_STATUS: &str = "grpc-status";

/// A call whose response has a head, and no status so far.
#[derive(Debug)]
pub(super) struct AwaitedStatus(GrpcFormat);

/// A gRPC call between its head and its status.
#[derive(Debug)]
pub(super) struct AwaitedOutcome {
    pub(super) status: AwaitedStatus,
    /// The time to the response's head.
    pub(super) elapsed: Duration,
}

/// The place of a response's status.
#[derive(Debug)]
enum GrpcFormat {
    Trailers,
    Web(WebFrames),
}

/// The outcome of a response, as far as its head tells.
#[derive(Debug)]
pub(super) enum HeadOutcome {
    Known(RequestOutcome),
    Awaited(AwaitedStatus),
}

impl HeadOutcome {
    /// Reads the head of a response. One that names no content type has that of the request.
    pub(super) fn from_response<B>(response: &Response<B>, is_grpc_request: bool) -> Self {
        let status = response.status();
        let responded = Self::Known(RequestOutcome::Responded(status));
        // Another status is the word of a proxy or a router, which knows nothing of gRPC.
        if status != StatusCode::OK {
            return responded;
        }
        let headers = response.headers();
        let format = match headers.get(CONTENT_TYPE) {
            Some(content_type) => GrpcFormat::from_content_type(content_type.as_bytes()),
            None => is_grpc_request.then_some(GrpcFormat::Trailers),
        };
        match format {
            None => responded,
            Some(_) if headers.contains_key(GRPC_STATUS) => Self::Known(outcome(headers)),
            Some(format) => Self::Awaited(AwaitedStatus(format)),
        }
    }
}

impl AwaitedStatus {
    /// Reads a frame of the response's body; returns the outcome with the one that brings it.
    pub(super) fn read<D: Buf>(&mut self, frame: &Frame<D>) -> Option<RequestOutcome> {
        match &mut self.0 {
            GrpcFormat::Trailers => frame.trailers_ref().map(outcome),
            GrpcFormat::Web(frames) => match frames.read(frame.data_ref()?)? {
                WebTrailers::Status(status) => Some(RequestOutcome::Grpc(status)),
                WebTrailers::Unreadable => Some(self.at_end()),
            },
        }
    }

    /// Returns the outcome of a response that ended without a status: clients take it for `UNKNOWN`.
    /// gRPC-Web may carry the status in a form that isn't read here.
    pub(super) const fn at_end(&self) -> RequestOutcome {
        match self.0 {
            GrpcFormat::Trailers => RequestOutcome::Grpc(GrpcStatus::UNKNOWN),
            GrpcFormat::Web(_) => RequestOutcome::Responded(StatusCode::OK),
        }
    }
}

impl GrpcFormat {
    /// Reads such as `application/grpc+proto` and `application/grpc-web-text`.
    fn from_content_type(value: &[u8]) -> Option<Self> {
        let media_type = value
            .split(|byte| matches!(byte, b';' | b'+' | b' '))
            .next()?;
        let is = |name: &str| media_type.eq_ignore_ascii_case(name.as_bytes());
        if is("application/grpc") {
            Some(Self::Trailers)
        } else if is("application/grpc-web") {
            Some(Self::Web(WebFrames::binary()))
        } else if is("application/grpc-web-text") {
            Some(Self::Web(WebFrames::text()))
        } else {
            None
        }
    }
}

/// Returns `true` if a request's headers say that it is a gRPC call.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let format = content_type.and_then(|value| GrpcFormat::from_content_type(value.as_bytes()));
    matches!(format, Some(GrpcFormat::Trailers))
}

/// Returns the outcome that trailers or a head with a status tell.
fn outcome(trailers: &HeaderMap) -> RequestOutcome {
    let status = trailers.get(GRPC_STATUS);
    let status = status.map_or(&b""[..], |status| status.as_bytes());
    RequestOutcome::Grpc(GrpcStatus::from_header(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_with_what_follows_its_name_and_in_any_case() {
        for (value, expected) in [
            ("application/grpc", Some("Trailers")),
            ("application/grpc+proto", Some("Trailers")),
            ("Application/GRPC; charset=utf-8", Some("Trailers")),
            ("application/grpc-web", Some("Web")),
            ("application/grpc-web+json", Some("Web")),
            ("application/grpc-web-text+proto", Some("Web")),
            ("application/grpcx", None),
            ("application/grpc-webs", None),
            ("application/json", None),
            ("", None),
        ] {
            let format = GrpcFormat::from_content_type(value.as_bytes());
            let name = format.as_ref().map(|format| match format {
                GrpcFormat::Trailers => "Trailers",
                GrpcFormat::Web(_) => "Web",
            });
            assert_eq!(name, expected, "{value}");
        }
    }
}
