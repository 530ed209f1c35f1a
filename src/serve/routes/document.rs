//! Documents as HTTP responses: pages, feed and JSON, with revalidation and compression.
//!
//! | request | answer |
//! |---|---|
//! | `If-None-Match` names the document | 304, without a body |
//! | accepts gzip | the compressed form, made when the document was |
//! | otherwise | the plain form |
//!
//! `no-cache` and an ETag instead of a lifetime: a status page that is a minute old must not be
//! shown as current, and asking costs a few hundred bytes.

mod linked_text;

use std::hash::{DefaultHasher, Hash, Hasher as _};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use self::linked_text::LinkedText;
use super::headers::join_values;
use crate::export::prometheus::text::accepts_gzip;
use crate::serve::pages::CONTENT_SECURITY_POLICY;

pub(super) use self::linked_text::gzip;

/// The media type of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum MediaType {
    Html,
    Json,
    Atom,
    Text,
}

/// The headers that documents depend on: their form, and the base of their links.
const VARY: &str = "accept, accept-encoding, forwarded, x-forwarded-host, x-forwarded-port, \
    x-forwarded-prefix, x-forwarded-proto";

/// A document in both its forms, made once and sent many times.
#[derive(Debug)]
pub(super) struct HttpDocument {
    status: StatusCode,
    media_type: MediaType,
    /// Seconds until there is another one, of a document that says that there is none.
    retry_after: Option<u64>,
    /// False if each request has to be answered anew, as those of an API for programs.
    revalidates: bool,
    /// The hash of the text without the base of its links.
    hash: u64,
    text: LinkedText,
}

impl MediaType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

impl HttpDocument {
    pub(super) fn new(media: MediaType, text: String) -> Self {
        Self::with_links(media, text, None)
    }

    /// Returns a document in whose text the base of links stands for each `placeholder`.
    pub(super) fn with_links(media: MediaType, text: String, placeholder: Option<&str>) -> Self {
        let text = LinkedText::new(text, placeholder);
        Self {
            status: StatusCode::OK,
            media_type: media,
            retry_after: None,
            revalidates: true,
            hash: hash(text.parts()),
            text,
        }
    }

    /// Returns the document with another status than 200.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Returns the document of something that is not there yet, with seconds until it may be.
    pub(super) fn unavailable(self, retry_after: u64) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(retry_after),
            ..self.not_stored()
        }
    }

    /// Returns the document without an ETag, for clients that keep nothing.
    pub(super) fn not_stored(mut self) -> Self {
        self.revalidates = false;
        self
    }

    /// Responds to a request with these headers: 304 if the client has the document already. `base` is that of
    /// its links.
    pub(super) fn respond(&self, request_headers: &HeaderMap, base: &str) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static(VARY));
        if self.revalidates {
            let etag = self.etag(base);
            let if_none_match = join_values(request_headers, &header::IF_NONE_MATCH);
            let is_current = if_none_match.is_some_and(|value| matches_etag(&value, &etag));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(header::ETAG, etag);
            if is_current && self.status == StatusCode::OK {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return response;
            }
        } else {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        set_content_headers(headers, self.media_type);
        let gzip = accepts_gzip(join_values(request_headers, &header::ACCEPT_ENCODING).as_deref());
        let body = if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.text.gzip(base).into()
        } else {
            self.text.plain(base)
        };
        *response.body_mut() = body;
        response
    }

    /// Returns the ETag, which is the same in each replica of a release. Weak, because the compressed form
    /// has it too.
    fn etag(&self, base: &str) -> HeaderValue {
        // A document without a place for the base is the same for each.
        let tag = match self.text.parts() {
            [_] => self.hash,
            _ => hash(&(self.hash, base)),
        };
        // It is made of quotes and digits.
        let tag = HeaderValue::try_from(format!("W/\"{tag:016x}\""));
        tag.unwrap_or(HeaderValue::from_static("W/\"\""))
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

/// Returns a hash, the same in each process of a release.
fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    // Its keys are constants, unlike those of a `HashMap`, so that replicas of one release agree.
    // Nobody gains by a collision.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns true if `If-None-Match` names the tag, compared weakly.
fn matches_etag(if_none_match: &str, tag: &HeaderValue) -> bool {
    fn bare(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    let tag = bare(tag.to_str().unwrap_or_default());
    if_none_match
        .split(',')
        .any(|one| one.trim() == "*" || bare(one) == tag)
}
