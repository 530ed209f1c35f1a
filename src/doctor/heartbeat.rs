//! The service that receives this one's heartbeats, and the token that it asks for.
//!
//! Why a `POST` of `{}`? A receiver checks the token and the content type before it reads a beat, and an empty
//! object is none: it lacks `boot_id` and `sequence`, which the protocol requires of every release. So a right
//! token is answered with 400 and a wrong one with 401, and no worker appears in the list. `GET` of a worker
//! needs no token, and a real beat would register one.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use http::header::{CONTENT_TYPE, DATE};

use super::clock::clock_step;
use super::http_exchange::{HttpExchange, HttpResponse, secrets};
use super::links::check_links;
use super::step::DiagnosisStep;
use super::url_target::{UrlSettings, UrlTarget};
use crate::config::{EffectiveConfig, HeartbeatSink};
use crate::net::{is_a_web_page, json_headers};

/// The time limit of the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

const ENDPOINT_PATH: &str = "heartbeat.endpoint";
const TOKEN_PATH: &str = "heartbeat.token";
/// The path of a worker that doesn't exist.
const REQUEST_PATH: &str = "/api/v1/workers/vantage-obs-doctor/heartbeat";

const AUTH: &str = "auth";
const BEATS: &str = "beats";
const CLOCK: &str = "clock";

/// Returns the receiver that the configuration names; `None` where beats stay in the process.
pub(super) fn target(effective: &Arc<EffectiveConfig>) -> Option<UrlTarget> {
    let heartbeat = &effective.config.heartbeat;
    if heartbeat.sink != HeartbeatSink::Http {
        return None;
    }
    let endpoint = heartbeat.endpoint.clone()?;
    let mut settings = UrlSettings {
        endpoint: ENDPOINT_PATH.into(),
        tls: "heartbeat.tls".into(),
        noun: "receiver",
        usual_port: 8080,
        path: String::new(),
        is_grpc: false,
    };
    let tls = heartbeat.tls.clone();
    let target = UrlTarget::new(effective, endpoint.clone(), tls.clone(), settings.clone());
    target.path().clone_into(&mut settings.path);
    Some(UrlTarget::new(effective, endpoint, tls, settings))
}

/// Checks the links, the token, and that beats are taken there.
pub(super) fn steps(target: &UrlTarget, deadline: Instant) -> Vec<DiagnosisStep> {
    check_links(target, deadline, &[AUTH, BEATS, CLOCK], |_, steps| {
        let token = target.effective.config.heartbeat.token.as_ref();
        let headers = match json_headers(CONTENT_TYPE, token, &target.endpoint) {
            Ok(headers) => headers,
            Err(error) => {
                let fix = format!("correct the token in {TOKEN_PATH}");
                steps.push(DiagnosisStep::fail(AUTH, error, fix));
                return None;
            }
        };
        let exchange = HttpExchange {
            target,
            secrets: secrets(&headers, target),
            headers,
            deadline,
        };
        check_beat(&exchange, steps)
    })
}

fn check_beat(exchange: &HttpExchange<'_>, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
    let sent = exchange.send(Method::POST, REQUEST_PATH, "{}", ANSWER_TIMEOUT);
    let response = match sent {
        Ok(response) => response,
        Err(error) => {
            steps.push(exchange.silence_step(BEATS, &error));
            return None;
        }
    };
    if matches!(response.status.as_u16(), 401 | 403) {
        steps.push(refusal_step(exchange, &response));
        return None;
    }
    if !is_of_a_receiver(&response) {
        steps.push(foreign_step(exchange, &response));
        return None;
    }
    let sent = match exchange.secrets.is_empty() {
        true => "no token is sent, and none is missed",
        false => "the token is accepted",
    };
    steps.push(DiagnosisStep::ok(AUTH, sent));
    let finding =
        "an empty beat got past the token and was refused, as it should be: beats are taken";
    steps.push(DiagnosisStep::ok(BEATS, finding));
    let date = response.headers.get(DATE);
    let date = date.and_then(|date| date.to_str().ok());
    steps.push(clock_step(date, SystemTime::now()));
    Some(())
}

/// Returns true for the refusal of a beat that lacks its required members.
fn is_of_a_receiver(response: &HttpResponse) -> bool {
    let text = String::from_utf8_lossy(&response.body);
    response.status.as_u16() == 400 && !is_a_web_page(&response.headers) && text.contains("boot_id")
}

fn refusal_step(exchange: &HttpExchange<'_>, response: &HttpResponse) -> DiagnosisStep {
    let target = exchange.target;
    let has_token = target.effective.config.heartbeat.token.is_some();
    let fix = match (response.status.as_u16(), has_token, target.endpoint.user()) {
        // Without a token of its own, a receiver takes none.
        (403, ..) => format!(
            "set {TOKEN_PATH} at the receiver too, to the same token as here, or look at proxies before it"
        ),
        (_, true, _) => format!(
            "correct {TOKEN_PATH} ({}): the receiver has another token",
            target.effective.source(TOKEN_PATH)
        ),
        (_, false, Some(_)) => {
            format!("correct the user and password in {ENDPOINT_PATH}, or set {TOKEN_PATH}")
        }
        (_, false, None) => format!(
            "{}, the token that the receiver has",
            target.suggest(TOKEN_PATH, "TOKEN")
        ),
    };
    DiagnosisStep::fail(AUTH, exchange.describe(response), fix)
}

fn foreign_step(exchange: &HttpExchange<'_>, response: &HttpResponse) -> DiagnosisStep {
    let target = exchange.target;
    let finding = exchange.describe(response);
    let general = exchange.general_fix(response, REQUEST_PATH);
    let fix = general.unwrap_or_else(|| match response.status.as_u16() {
        404 if !target.settings.path.trim_matches('/').is_empty() => format!(
            "{}, unless its http.prefix is {}: /api/v1/workers/… is appended",
            target.suggest(ENDPOINT_PATH, &target.origin_with(None, None)),
            target.settings.path
        ),
        404 => format!(
            "set {ENDPOINT_PATH} to the service whose routes are vantage-obs's, with its http.prefix: \
             no {REQUEST_PATH} is there"
        ),
        405 => format!(
            "set {ENDPOINT_PATH} to the service itself: what answers there takes no POST"
        ),
        415 => "update the receiver, or a proxy before it: it takes no JSON".into(),
        _ => format!("set {ENDPOINT_PATH} to the service whose routes are vantage-obs's"),
    });
    DiagnosisStep::fail(BEATS, finding, fix)
}
