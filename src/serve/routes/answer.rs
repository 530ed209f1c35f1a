//! Answers that several routes have in common, and the bodies that they read.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use serde::Serialize;

/// An answer that nobody keeps.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Text and numbers only: it can't fail.
    let body = serde_json::to_string(body).unwrap_or_default();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// What is wrong with a request.
#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
}

/// One thing of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    pub(super) path: String,
    pub(super) found: String,
    pub(super) allowed: String,
}

pub(super) fn refuse(status: StatusCode, error: &str, faults: Vec<Fault>) -> Response {
    json(status, &Refused { error, faults })
}

/// Somebody has to say first who it is.
pub(super) fn unauthorized(realm: &'static str) -> Response {
    let mut refused = refuse(StatusCode::UNAUTHORIZED, "unauthorized", Vec::new());
    refused
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(realm));
    refused
}

/// Not now, but in so many seconds.
pub(super) fn later(status: StatusCode, error: &str, seconds: u64) -> Response {
    let mut refused = refuse(status, error, Vec::new());
    refused
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    refused
}

/// Reads a body that should be JSON, of at most so many bytes.
pub(super) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Vec<u8>, Response> {
    if !is_json(headers) {
        let allowed = "application/json is expected, and no content-encoding";
        return Err(refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            allowed,
            Vec::new(),
        ));
    }
    collect(body, most).await
}

/// Reads a body, whatever it says of its length, and no more of it than may be.
async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Response> {
    let too_large = || {
        let told = format!("at most {} KiB", most / 1_024);
        refuse(StatusCode::PAYLOAD_TOO_LARGE, &told, Vec::new())
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut read = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broke_off = |_| refuse(StatusCode::BAD_REQUEST, "the body broke off", Vec::new());
        let Ok(data) = frame.map_err(broke_off)?.into_data() else {
            continue;
        };
        if read.len() + data.len() > most {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

/// Who says nothing means JSON. What is compressed is none.
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
