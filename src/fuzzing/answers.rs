//! Answers of others: receivers of OTLP, services behind gRPC-Web, dependencies that report their health.

use std::time::Duration;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use http::StatusCode;
use tonic::Status;

use super::input::{headers, texts};
use super::{assert_line, fingerprint, magnitude};
use crate::background::backoff::{Backoff, GIVE_UP};
use crate::export::otlp::encode::parse_rejected;
use crate::export::otlp::transport::{ExportFailure, RetryHint, grpc, http as otlp_over_http};
use crate::record::middleware::grpc_web::{WebFrames, WebTrailers};
use crate::watch::health::builtin::http::evaluate_bytes;

const DETAILS: &str = "grpc-status-details-bin";

/// The frames themselves are parsed by `h2` and `tonic`, which have fuzz targets of their own; what is made of
/// them is ours.
pub(super) fn otlp_grpc(data: &[u8]) -> u64 {
    let (text, body) = split(data);
    let mut headers = headers(&text);
    // tonic panics at these, which the transport catches; `cargo fuzz` ends at any panic.
    let is_base64 = |details: &http::HeaderValue| STANDARD_INDIFFERENT.decode(details).is_ok();
    if !headers.get(DETAILS).is_none_or(is_base64) {
        headers.remove(DETAILS);
    }
    let status = Status::from_header_map(&headers);
    let way = status.map(|status| assert_failure(&grpc::failure(&status)));
    let rejected = assert_rejected(body);
    fingerprint((way, rejected))
}

/// base64 with or without padding, as tonic reads it.
const STANDARD_INDIFFERENT: GeneralPurpose = {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, config)
};

pub(super) fn otlp_http(data: &[u8]) -> u64 {
    let (text, body) = split(data);
    let code = text
        .split(['\n', ' '])
        .next()
        .and_then(|code| code.parse().ok());
    let status =
        StatusCode::from_u16(code.unwrap_or(503)).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let failure = otlp_over_http::failure(status, &headers(&text), body);
    assert_eq!(failure.error_type, status.as_str());
    fingerprint((
        status.as_u16(),
        assert_failure(&failure),
        assert_rejected(body),
    ))
}

/// Header lines, and a body of any bytes.
fn split(data: &[u8]) -> (std::borrow::Cow<'_, str>, &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    (String::from_utf8_lossy(head), body)
}

/// A failure is told in one line, and retried after a time that is bounded both ways.
#[track_caller]
fn assert_failure(failure: &ExportFailure) -> u64 {
    assert_line(&failure.message, 1_024);
    assert_line(&failure.error_type, 32);
    let asked = match failure.retry {
        RetryHint::Never => return 0,
        RetryHint::Whenever => None,
        RetryHint::After(delay) => Some(delay),
    };
    let delay = Backoff::default().next_delay(asked);
    assert!(
        (Duration::from_millis(100)..=GIVE_UP).contains(&delay),
        "{delay:?}"
    );
    1 + u64::from(asked.is_some())
}

#[track_caller]
fn assert_rejected(body: &[u8]) -> (bool, bool) {
    let (rejected, reason) = parse_rejected(body);
    assert_line(&ExportFailure::rejected(rejected, &reason).message, 1_024);
    (rejected > 0, reason.is_empty())
}

pub(super) fn grpc_web(data: &[u8]) -> u64 {
    let Some((first, body)) = data.split_first() else {
        return 0;
    };
    let start = || {
        if first & 1 == 0 {
            WebFrames::binary()
        } else {
            WebFrames::text()
        }
    };
    let whole = start().read(&body);
    // Where the network cuts the body has no meaning.
    let size = 1 + usize::from(first >> 1) % 32;
    let mut frames = start();
    let in_pieces = body.chunks(size).find_map(|piece| frames.read(&piece));
    assert_eq!(in_pieces, whole, "in pieces of {size}");
    let way = match &whole {
        None => 0,
        Some(WebTrailers::Unreadable) => 1,
        Some(WebTrailers::Status(status)) if status.server_error().is_empty() => 2,
        Some(WebTrailers::Status(_)) => 3,
    };
    fingerprint((first & 1, way, magnitude(body.len())))
}

pub(super) fn health_answer(data: &[u8]) -> u64 {
    let url = "http://dependency/health";
    let finding = evaluate_bytes(data, url);
    let detail = finding.detail().unwrap_or_default();
    assert!(
        detail.len() <= 256 + data.len(),
        "{} bytes of {}",
        detail.len(),
        data.len()
    );
    assert_line(detail, 1_024);
    let [_] = texts(data);
    fingerprint((
        finding.status().as_str(),
        finding.code(),
        magnitude(detail.len()),
    ))
}
