//! Documents as HTTP responses: pages, feed and public JSON, with revalidation and compression.
//!
//! | request | answer |
//! |---|---|
//! | `If-None-Match` names the document | 304, without a body |
//! | accepts gzip | the compressed form, made when the document was |
//! | otherwise | the plain form |
//!
//! `no-cache` and an ETag instead of a lifetime: a status page that is a minute old must not be
//! shown as current, and asking costs a few hundred bytes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::headers::join_values;
use crate::export::prometheus::text::accepts_gzip;
use crate::serve::pages::CONTENT_SECURITY_POLICY;

/// The media type of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum MediaType {
    Html,
    Json,
    Atom,
}

/// The headers that documents depend on: their form, and the base of their links.
const VARY: &str = "accept, accept-encoding, forwarded, x-forwarded-host, x-forwarded-port, \
    x-forwarded-prefix, x-forwarded-proto";

/// A document in both its forms, made once and sent many times.
#[derive(Debug)]
pub(super) struct HttpDocument {
    media_type: MediaType,
    etag: HeaderValue,
    plain: Bytes,
    gzip: Bytes,
}

impl MediaType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Atom => "application/atom+xml; charset=utf-8",
        }
    }
}

impl HttpDocument {
    pub(super) fn new(media: MediaType, text: String) -> Self {
        let tag = HeaderValue::try_from(etag(&text));
        Self {
            media_type: media,
            // It is made of quotes and digits.
            etag: tag.unwrap_or(HeaderValue::from_static("W/\"\"")),
            gzip: gzip(text.as_bytes(), Compression::default()).into(),
            plain: text.into(),
        }
    }

    /// Responds to a request with these headers: 304 if the client has the document already.
    pub(super) fn respond(&self, request_headers: &HeaderMap) -> Response {
        let if_none_match = join_values(request_headers, &header::IF_NONE_MATCH);
        let is_current = if_none_match.is_some_and(|value| matches_etag(&value, &self.etag));
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static(VARY));
        if is_current {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        set_content_headers(headers, self.media_type);
        let gzip = accepts_gzip(join_values(request_headers, &header::ACCEPT_ENCODING).as_deref());
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let bytes = if gzip { &self.gzip } else { &self.plain };
        *response.body_mut() = Body::from(bytes.clone());
        response
    }
}

/// Sets the content type, and forbids guessing another.
fn set_content_headers(headers: &mut HeaderMap, media: MediaType) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, media.as_str());
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if media == MediaType::Html {
        set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
    }
}

/// Returns the ETag, which is the same in each replica of a release. Weak, because the compressed form
/// has it too.
fn etag(text: &str) -> String {
    // Its keys are constants, unlike those of a `HashMap`, so that replicas of one release agree.
    // Nobody gains by a collision.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Returns true if `If-None-Match` names the tag, compared weakly.
fn matches_etag(if_none_match: &str, tag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag.to_str().unwrap_or_default());
    if_none_match
        .split(',')
        .any(|one| one.trim() == "*" || bare(one) == tag)
}

/// Returns the text compressed.
pub(super) fn gzip(text: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), level);
    // Into memory it can't fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
