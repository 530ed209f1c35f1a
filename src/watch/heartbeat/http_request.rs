//! One beat as an HTTP request, and the classification of the response.
//!
//! | answer | result | metric's label |
//! |---|---|---|
//! | 2xx, not a web page | accepted | `taken` |
//! | 408, 429, 5xx | later, after `Retry-After` if there is one | `unavailable` |
//! | anything else | refused: the same beat would be refused again | `refused` |
//! | no connection | later | `connection` |
//! | no answer in time | later | `timeout` |
//!
//! A web page with 200 is the mark of a wrong address: the start page of some service, or a proxy's
//! login.

use std::any::Any;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::timeout;

use super::queue::SendResult;
use crate::background::panic::panic_text;
use crate::config::{self, Endpoint};
use crate::model::heartbeat::{Beat, BeatId};
use crate::model::units::format_duration;
use crate::net::{
    HttpClient, explain, http_client, is_a_web_page, json_headers, one_line, retry_after,
};

/// Bytes of a response that are read at most, to be logged where the beat is refused.
const MAX_RESPONSE_BYTES: usize = 4 * 1024;

/// A client that sends beats to the API of another process.
#[derive(Clone, Debug)]
pub(super) struct HttpSender {
    client: HttpClient,
    /// The endpoint without user and trailing slash.
    base: String,
    headers: HeaderMap,
    /// Of one send, with its connection.
    timeout: Duration,
}

/// The result of a beat that was sent, with its cause and fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendOutcome {
    pub(super) result: SendResult,
    /// The value of the metric label `result`.
    pub(super) label: &'static str,
    /// The cause in one line, where the beat was not accepted.
    pub(super) cause: String,
    /// The remedy of a refusal.
    pub(super) fix: Option<&'static str>,
}

impl SendOutcome {
    /// Returns the outcome of a send that panicked, which may work the next time.
    pub(super) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        Self {
            result: SendResult::Retry(None),
            label: "connection",
            cause: format!("the request panicked: {}", panic_text(payload)),
            fix: None,
        }
    }
}

impl HttpSender {
    /// The error says what is wrong with the certificates or the token.
    pub(super) fn new(
        endpoint: &Endpoint,
        config: &config::HeartbeatConfig,
    ) -> Result<Self, String> {
        let tls = endpoint.is_https().then_some(&config.tls);
        Ok(Self {
            // A little less than for all: so a connection that isn't made is told from a late answer.
            client: http_client(tls, config.timeout * 9 / 10)?,
            base: endpoint.without_user().trim_end_matches('/').to_owned(),
            headers: json_headers(CONTENT_TYPE, config.token.as_ref(), endpoint)?,
            timeout: config.timeout,
        })
    }

    /// Sends one beat and returns its result within the timeout; never an error, because each
    /// outcome has a next step.
    pub(super) async fn send(&self, id: &BeatId, beat: &Beat) -> SendOutcome {
        match timeout(self.timeout, self.send_request(id, beat)).await {
            Ok(outcome) => outcome,
            Err(_) => retry("timeout", self.timeout_message(), None),
        }
    }

    async fn send_request(&self, id: &BeatId, beat: &Beat) -> SendOutcome {
        let request = match self.request(id, beat) {
            Ok(request) => request,
            Err(error) => return rejected(error.to_string(), None),
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return retry("connection", explain(&error), None),
        };
        let (head, body) = response.into_parts();
        // Read to its end, so that the connection can be used again.
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        classify_response(head.status, &head.headers, &body)
    }

    /// Builds the request; an error would be a bug of the headers.
    fn request(&self, id: &BeatId, beat: &Beat) -> http::Result<Request<Full<Bytes>>> {
        let id = id.path_segment();
        let uri = format!("{}/api/v1/workers/{id}/heartbeat", self.base);
        let body = Full::new(Bytes::from(beat.to_json()));
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .body(body)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn timeout_message(&self) -> String {
        format!("no answer within {}", format_duration(self.timeout))
    }
}

/// Returns the outcome of a response, by the table above.
fn classify_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> SendOutcome {
    if status.is_success() && !is_a_web_page(headers) {
        return SendOutcome {
            result: SendResult::Accepted,
            label: "taken",
            cause: String::new(),
            fix: None,
        };
    }
    let body_text = one_line(&String::from_utf8_lossy(body));
    let cause = match (is_a_web_page(headers), body_text.as_str()) {
        (true, _) => format!("{status} with a web page"),
        (false, "") => status.to_string(),
        (false, body_text) => format!("{status}: {body_text}"),
    };
    // The two of 4xx that speak of the moment and not of the request.
    let transient = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || transient.contains(&status) {
        return retry(
            "unavailable",
            cause,
            retry_after(headers, SystemTime::now()),
        );
    }
    rejected(cause, Some(suggest_fix(status)))
}

/// Redirects are not followed: the token would go where nobody sent it.
fn suggest_fix(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "set heartbeat.token to the receiver's heartbeat.token",
        403 => "set heartbeat.token to the same token here and in the receiver",
        400 => {
            "the receiver does not understand these heartbeats: update it to this release or a later one"
        }
        415 => "let a proxy before the receiver pass content-type: application/json on",
        413 => "let the receiver, and any proxy in front of it, accept bodies of 4 KiB",
        300..=399 => "set heartbeat.endpoint to the location of the redirect",
        _ => {
            "set heartbeat.endpoint to the base URL of an API that serves the vantage-obs routes, without their path"
        }
    }
}

fn retry(label: &'static str, cause: String, retry_after: Option<Duration>) -> SendOutcome {
    SendOutcome {
        result: SendResult::Retry(retry_after),
        label,
        cause,
        fix: None,
    }
}

fn rejected(cause: String, fix: Option<&'static str>) -> SendOutcome {
    SendOutcome {
        result: SendResult::Rejected,
        label: "refused",
        cause,
        fix,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::RETRY_AFTER;

    use super::*;

    fn classify_status(status: u16) -> SendOutcome {
        let status = StatusCode::from_u16(status).unwrap();
        classify_response(status, &HeaderMap::new(), b"no\r\nmore")
    }

    #[test]
    fn transient_failures_are_retried_and_a_refusal_names_its_fix() {
        assert_eq!(classify_status(202).result, SendResult::Accepted);
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(
                classify_status(status).result,
                SendResult::Retry(None),
                "{status}"
            );
        }
        for (status, fix) in [
            (301, "redirect"),
            (400, "update it"),
            (401, "heartbeat.token"),
            (403, "here and in the receiver"),
            (404, "heartbeat.endpoint"),
            (413, "4 KiB"),
            (415, "content-type"),
        ] {
            let outcome = classify_status(status);
            assert_eq!(outcome.result, SendResult::Rejected, "{status}");
            assert!(outcome.fix.unwrap().contains(fix), "{status}");
            assert!(outcome.cause.ends_with(": no  more"), "{}", outcome.cause);
        }
    }

    #[test]
    fn the_receiver_sets_the_retry_delay() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let outcome = classify_response(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
        assert_eq!(
            outcome.result,
            SendResult::Retry(Some(Duration::from_secs(7)))
        );
    }

    #[test]
    fn a_web_page_accepts_no_beat() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        assert_eq!(
            classify_response(StatusCode::OK, &headers, b"<html>").result,
            SendResult::Rejected
        );
    }
}
