//! A page, a feed or a public JSON as it goes out: revalidated rather than sent again, and compressed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::headers::joined;
use crate::export::prometheus::text::accepts_gzip;
use crate::serve::pages::CONTENT_SECURITY_POLICY;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Type {
    Html,
    Json,
    Atom,
}

/// A document in both its forms, made once and sent many times.
#[derive(Debug)]
pub(super) struct Document {
    media: Type,
    tag: HeaderValue,
    plain: Bytes,
    gzip: Bytes,
}

impl Type {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Atom => "application/atom+xml; charset=utf-8",
        }
    }
}

impl Document {
    pub(super) fn new(media: Type, text: String) -> Self {
        let tag = HeaderValue::try_from(tag(&text));
        Self {
            media,
            // It is made of quotes and digits.
            tag: tag.unwrap_or(HeaderValue::from_static("W/\"\"")),
            gzip: compress(text.as_bytes()).into(),
            plain: text.into(),
        }
    }

    /// The answer to a request with these headers: 304 where it has the document already.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let has = joined(asked, &header::IF_NONE_MATCH);
        let known = has.is_some_and(|has| matches(&has, &self.tag));
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            header::VARY,
            HeaderValue::from_static("accept, accept-encoding"),
        );
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        protect(headers, self.media);
        let gzip = accepts_gzip(joined(asked, &header::ACCEPT_ENCODING).as_deref());
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let bytes = if gzip { &self.gzip } else { &self.plain };
        *response.body_mut() = Body::from(bytes.clone());
        response
    }
}

/// Says what it is, and that it is nothing else.
fn protect(headers: &mut HeaderMap, media: Type) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, media.as_str());
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if media == Type::Html {
        set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
    }
}

/// The same in each replica of a release. Weak, because the compressed form has it too.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether `If-None-Match` names the tag, compared weakly.
fn matches(has: &str, tag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag.to_str().unwrap_or_default());
    has.split(',')
        .any(|one| one.trim() == "*" || bare(one) == tag)
}

fn compress(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::default());
    // Into memory it can't fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
