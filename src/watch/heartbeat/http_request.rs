//! One beat as an HTTP request, and what the answer means for whoever runs the worker.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::timeout;

use super::queue::Fate;
use crate::config::{self, Endpoint, Secret};
use crate::model::heartbeat::{Beat, BeatId};
use crate::model::units::format_duration;
use crate::net::{
    HttpClient, explain, http_client, is_a_web_page, one_line, retry_after, user_agent,
};

/// What is read of an answer, to be shown where it refuses.
const LONGEST_ANSWER: usize = 4 * 1024;

/// Sends beats to the API of another process.
#[derive(Clone, Debug)]
pub(super) struct Post {
    client: HttpClient,
    base: String,
    headers: HeaderMap,
    timeout: Duration,
}

/// What became of a beat that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) fate: Fate,
    /// As a label.
    pub(super) result: &'static str,
    /// One line for people, where it was not taken.
    pub(super) cause: String,
    /// What to do about a refusal.
    pub(super) fix: Option<&'static str>,
}

impl Post {
    /// The error says what is wrong with the certificates.
    pub(super) fn new(endpoint: &Endpoint, config: &config::Heartbeat) -> Result<Self, String> {
        let tls = endpoint.is_https().then_some(&config.tls);
        Ok(Self {
            // A little less than for all: so a connection that isn't made is told from a late answer.
            client: http_client(tls, config.timeout * 9 / 10)?,
            base: endpoint.without_user().trim_end_matches('/').to_owned(),
            headers: headers(endpoint, config.token.as_ref()),
            timeout: config.timeout,
        })
    }

    pub(super) async fn send(&self, id: &BeatId, beat: &Beat) -> Outcome {
        match timeout(self.timeout, self.exchange(id, beat)).await {
            Ok(outcome) => outcome,
            Err(_) => later("timeout", self.too_late(), None),
        }
    }

    async fn exchange(&self, id: &BeatId, beat: &Beat) -> Outcome {
        let request = match self.request(id, beat) {
            Ok(request) => request,
            Err(error) => return refused(error.to_string(), None),
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return later("connection", explain(&error), None),
        };
        let (head, body) = answer.into_parts();
        // Read to its end, so that the connection can be used again.
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        judge(head.status, &head.headers, &body)
    }

    fn request(&self, id: &BeatId, beat: &Beat) -> http::Result<Request<Full<Bytes>>> {
        // All that an id may hold stands in a path as it is.
        let uri = format!("{}/api/v1/workers/{id}/heartbeat", self.base);
        let body = Full::new(Bytes::from(beat.to_json()));
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .body(body)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn too_late(&self) -> String {
        format!("no answer within {}", format_duration(self.timeout))
    }
}

fn headers(endpoint: &Endpoint, token: Option<&Secret>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(user_agent()));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let bearer = token
        .and_then(Secret::expose)
        .map(|token| format!("Bearer {token}"));
    let basic = || {
        let user = base64::engine::general_purpose::STANDARD.encode(endpoint.user()?);
        Some(format!("Basic {user}"))
    };
    let credentials = bearer.or_else(basic);
    if let Some(Ok(mut value)) = credentials.map(HeaderValue::try_from) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if status.is_success() && !is_a_web_page(headers) {
        return Outcome {
            fate: Fate::Taken,
            result: "taken",
            cause: String::new(),
            fix: None,
        };
    }
    let said = one_line(&String::from_utf8_lossy(body));
    let cause = match (is_a_web_page(headers), said.as_str()) {
        (true, _) => format!("{status} with a web page"),
        (false, "") => status.to_string(),
        (false, said) => format!("{status}: {said}"),
    };
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || passing.contains(&status) {
        return later(
            "unavailable",
            cause,
            retry_after(headers, SystemTime::now()),
        );
    }
    refused(cause, Some(fix(status)))
}

/// Redirects are not followed: the token would go where nobody sent it.
const fn fix(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "set heartbeat.token to the token that the receiver has as health.write_token",
        400 => {
            "the receiver does not understand our beats: update it to our release or a later one"
        }
        413 => "let the receiver, and a proxy before it, take bodies of 4 KiB",
        300..=399 => "set heartbeat.endpoint to where this redirects",
        _ => {
            "set heartbeat.endpoint to the API whose routes are vantage-obs's, without a path of ours"
        }
    }
}

fn later(result: &'static str, cause: String, asked: Option<Duration>) -> Outcome {
    Outcome {
        fate: Fate::Later(asked),
        result,
        cause,
        fix: None,
    }
}

fn refused(cause: String, fix: Option<&'static str>) -> Outcome {
    Outcome {
        fate: Fate::Refused,
        result: "refused",
        cause,
        fix,
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    fn judged(status: u16) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, &HeaderMap::new(), b"no\r\nmore")
    }

    #[test]
    fn what_may_pass_is_tried_again_and_a_refusal_names_its_fix() {
        assert_eq!(judged(202).fate, Fate::Taken);
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(judged(status).fate, Fate::Later(None), "{status}");
        }
        for (status, fix) in [
            (301, "redirects"),
            (400, "update it"),
            (401, "heartbeat.token"),
            (404, "heartbeat.endpoint"),
            (413, "4 KiB"),
        ] {
            let outcome = judged(status);
            assert_eq!(outcome.fate, Fate::Refused, "{status}");
            assert!(outcome.fix.unwrap().contains(fix), "{status}");
            assert!(outcome.cause.ends_with(": no  more"), "{}", outcome.cause);
        }
    }

    #[test]
    fn the_receiver_says_when_to_come_again() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let outcome = judge(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
        assert_eq!(outcome.fate, Fate::Later(Some(Duration::from_secs(7))));
    }

    #[test]
    fn a_web_page_has_taken_no_beat() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        assert_eq!(
            judge(StatusCode::OK, &headers, b"<html>").fate,
            Fate::Refused
        );
    }
}
