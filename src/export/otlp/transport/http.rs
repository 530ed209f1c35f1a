//! OTLP as protobuf over HTTP.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression as GzLevel;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;

use super::{ExportFailure, RetryHint, connect_timeout, headers};
use crate::config::{Compression, SignalOtlp};
use crate::net::{
    HttpClient, has_type, http_client, innermost, is_a_web_page, one_line, retry_after,
};

/// The longest response that is read, in bytes: none of OTLP is as long, and a proxy's is cut.
///
/// A page of a misconfigured proxy may have megabytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// The head of an answer says what matters; its body may take so much longer.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct HttpTransport {
    client: HttpClient,
    uri: Uri,
    /// All of them, made once.
    headers: HeaderMap,
    compression: Compression,
}

impl HttpTransport {
    pub(super) fn new(otlp: &SignalOtlp) -> Result<Self, String> {
        let tls = otlp.endpoint.is_https().then_some(&otlp.tls);
        let uri = otlp.endpoint.without_user();
        Ok(Self {
            client: http_client(tls, connect_timeout(otlp))?,
            uri: uri.parse().map_err(|error| innermost(&error))?,
            headers: header_map(otlp)?,
            compression: otlp.compression,
        })
    }

    pub(super) async fn send(&self, message: Bytes) -> Result<Bytes, ExportFailure> {
        let mut request = Request::new(Full::new(self.compress(message)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| ExportFailure::connection(&error))?;
        let (head, body) = response.into_parts();
        // Too long, broken or late, a body counts as empty: the status is known.
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => Bytes::new(),
        };
        // Before the status: a login page answers 200, and nothing was taken.
        if is_a_web_page(&head.headers) {
            Err(web_page_failure(head.status))
        } else if head.status.is_success() {
            // It was taken; a body that breaks off can't take that back.
            Ok(body)
        } else {
            Err(failure(head.status, &head.headers, &body))
        }
    }

    fn compress(&self, message: Bytes) -> Bytes {
        if self.compression == Compression::None {
            return message;
        }
        // Spans compress well at any level; the service's processor time is worth more than the
        // last tenth.
        let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), GzLevel::fast());
        // Writing into memory doesn't fail.
        let _ = encoder.write_all(&message);
        encoder.finish().unwrap_or_default().into()
    }
}

fn header_map(otlp: &SignalOtlp) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    map.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
    for (name, value) in headers(otlp) {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name:?} is not a valid header name"))?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| format!("the value of {name} is not a valid header value"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    map.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    if otlp.compression == Compression::Gzip {
        map.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(map)
}

/// Converts a response; OTLP's own table says which statuses may be tried again. Redirects aren't
/// followed: credentials would go where nobody sent them.
pub(crate) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ExportFailure {
    let retry = match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            retry_after(headers, SystemTime::now()).map_or(RetryHint::Whenever, RetryHint::After)
        }
        _ => RetryHint::Never,
    };
    let message = match reason(headers, body).as_deref().map(one_line) {
        Some(text) if !text.is_empty() => format!("{status}: {text}"),
        _ => status.to_string(),
    };
    ExportFailure {
        error_type: status.as_str().to_owned().into(),
        message,
        retry,
    }
}

/// Returns the body's message: OTLP asks for a protobuf status, and not every receiver sends one.
fn reason(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if has_type(headers, "application/x-protobuf") {
        return tonic_types::Status::decode(body)
            .ok()
            .map(|status| status.message);
    }
    // A text that is not ASCII is likely to be something else than a message.
    body.is_ascii()
        .then(|| String::from_utf8_lossy(body).into_owned())
}

fn web_page_failure(status: StatusCode) -> ExportFailure {
    ExportFailure {
        error_type: "web_page".into(),
        message: format!("{status} with a web page: no OTLP receiver is at this address"),
        retry: RetryHint::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_is_read_as_text_or_as_the_status_that_otlp_asks_for() {
        let status = tonic_types::Status {
            message: "no such tenant".into(),
            ..tonic_types::Status::default()
        };
        let mut headers = HeaderMap::new();
        assert_eq!(
            failure(StatusCode::FORBIDDEN, &headers, b"go away").message,
            "403 Forbidden: go away"
        );
        headers.insert(CONTENT_TYPE, "application/x-protobuf".parse().unwrap());
        assert_eq!(
            failure(StatusCode::FORBIDDEN, &headers, &status.encode_to_vec()).message,
            "403 Forbidden: no such tenant"
        );
    }

    #[test]
    fn a_web_page_took_nothing_whatever_its_status() {
        let mut headers = HeaderMap::new();
        assert!(!is_a_web_page(&headers));
        headers.insert(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap());
        assert!(is_a_web_page(&headers));
        assert_eq!(web_page_failure(StatusCode::OK).retry, RetryHint::Never);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, retry) in [
            (400, RetryHint::Never),
            (401, RetryHint::Never),
            (302, RetryHint::Never),
            (500, RetryHint::Never),
            (429, RetryHint::Whenever),
            (502, RetryHint::Whenever),
            (503, RetryHint::Whenever),
            (504, RetryHint::Whenever),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = failure(status, &HeaderMap::new(), b"no\r\nmore");
            assert_eq!(failure.retry, retry, "{status}");
            assert_eq!(failure.error_type, status.as_str());
            assert_eq!(failure.message, format!("{status}: no  more"));
        }
    }
}
