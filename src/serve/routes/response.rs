//! Responses and request bodies that several routes share.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use serde::Serialize;

use super::timer::sleep;
use crate::model::fault::{Fault, MAX_LISTED};

/// The time that a refused request has to send its body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns a JSON response that is not cached.
pub(super) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    // Text and numbers only: it can't fail.
    json_text_response(status, serde_json::to_string(body).unwrap_or_default())
}

/// Returns a response of JSON text that is not cached.
pub(super) fn json_text_response(status: StatusCode, body: impl Into<Body>) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.into()).into_response()
}

/// The body of an error response.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    faults: &'a [Fault],
}

/// The most faults that a response lists: never many times what was asked.
pub(super) const MAX_FAULTS: usize = MAX_LISTED;

pub(super) fn error_response(status: StatusCode, error: &str) -> Response {
    fault_response(status, error, &[])
}

/// Returns an error response that names the first faults of a request.
pub(super) fn fault_response(status: StatusCode, error: &str, faults: &[Fault]) -> Response {
    let faults = &faults[..faults.len().min(MAX_FAULTS)];
    json_response(status, &ErrorBody { error, faults })
}

/// Returns an error response with `Retry-After` in seconds.
pub(super) fn retry_later(status: StatusCode, error: &str, seconds: u64) -> Response {
    let mut response = error_response(status, error);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    response
}

/// Reads a JSON body of at most `max_bytes`. A request without a content type is refused by
/// [`refuse_untyped`], where its sender need not bring a token.
pub(super) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
) -> Result<Vec<u8>, Response> {
    if !is_json(headers) {
        drain(headers, body, max_bytes).await;
        return Err(not_json());
    }
    // Refused before it is kept, where its length is declared.
    if body.size_hint().lower() > max_bytes as u64 {
        drain(headers, body, max_bytes).await;
        return Err(too_large(max_bytes));
    }
    read_body(body, max_bytes).await
}

/// Returns the refusal of a body without a content type: a page of another origin can send that from a visitor's
/// browser without being asked, and cannot send JSON.
pub(super) fn refuse_untyped(headers: &HeaderMap) -> Option<Response> {
    let is_untyped = !headers.contains_key(header::CONTENT_TYPE);
    is_untyped.then(not_json)
}

fn not_json() -> Response {
    let allowed = "content-type: application/json is expected, and no content-encoding";
    error_response(StatusCode::UNSUPPORTED_MEDIA_TYPE, allowed)
}

/// Reads and drops what a request still sends, up to `max_bytes`, before it is refused: a client that finds
/// its connection closed while it writes never sees the answer. One that waits for a word before it sends is
/// told at once.
pub(super) async fn drain(headers: &HeaderMap, mut body: Body, max_bytes: usize) {
    if headers.contains_key(header::EXPECT) || body.is_end_stream() {
        return;
    }
    let mut left = max_bytes;
    let mut timeout = pin!(sleep(DRAIN_TIMEOUT));
    poll_fn(|context| {
        if timeout.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        while left > 0 {
            match ready!(Pin::new(&mut body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
                }
                Some(Err(_)) | None => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// Reads a body of at most `max_bytes`, whatever its declared length.
async fn read_body(mut body: Body, max_bytes: usize) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let read_error = |_| error_response(StatusCode::BAD_REQUEST, "the body was incomplete");
        // Trailers.
        let Ok(data) = frame.map_err(read_error)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn too_large(max_bytes: usize) -> Response {
    let error = format!("at most {} KiB", max_bytes / 1_024);
    error_response(StatusCode::PAYLOAD_TOO_LARGE, &error)
}

/// Returns true for a JSON body. A missing content type means JSON; a compressed body is none.
fn is_json(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().ends_with("json"))
}
