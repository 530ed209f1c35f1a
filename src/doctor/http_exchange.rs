//! One request to a server as the service sends its own: by its client, with its headers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};

use super::fix::SettingFixes;
use super::mask::mask_secrets;
use super::network::IO_TIMEOUT;
use super::step::DiagnosisStep;
use super::url_target::UrlTarget;
use crate::model::units::format_duration;
use crate::net::{explain, http_client, is_a_web_page, one_line};

/// The largest body of a response that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A request to a server.
#[derive(Debug)]
pub(super) struct HttpExchange<'a> {
    pub(super) target: &'a UrlTarget,
    pub(super) headers: HeaderMap,
    /// The texts that are masked in what the server says: headers' values, user and password.
    pub(super) secrets: Vec<String>,
    pub(super) deadline: Instant,
}

/// The response to a request.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl HttpExchange<'_> {
    /// Sends a request to a path below the URL, within a time limit.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        body: &'static str,
        limit: Duration,
    ) -> Result<HttpResponse, String> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let limit = limit.min(remaining);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let sent = runtime.block_on(async {
            tokio::time::timeout(limit, self.send_request(method, path, body)).await
        });
        sent.unwrap_or_else(|_| {
            // Of what is left of the whole time, the fraction says nothing.
            let limit = format_duration(Duration::from_secs(limit.as_secs()));
            Err(format!("no answer within {limit}"))
        })
    }

    async fn send_request(
        &self,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> Result<HttpResponse, String> {
        let target = self.target;
        let tls = target.is_https().then_some(&target.tls);
        let client = http_client(tls, IO_TIMEOUT)?;
        let base = target.endpoint.without_user();
        let uri = format!("{}{path}", base.trim_end_matches('/'));
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes())));
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers.clone();
        let response = client.request(request).await;
        let (head, body) = response.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        Ok(HttpResponse {
            status: head.status,
            headers: head.headers,
            body: body.map(|body| body.to_bytes()).unwrap_or_default(),
        })
    }

    /// Describes a response that was not expected, without what it may have repeated of the credentials.
    pub(super) fn describe(&self, response: &HttpResponse) -> String {
        let status = response.status;
        if is_a_web_page(&response.headers) {
            return format!("{status} with a web page");
        }
        let text = one_line(&String::from_utf8_lossy(&response.body));
        match text.as_str() {
            "" => status.to_string(),
            text => self.mask(format!("{status}: {text}")),
        }
    }

    pub(super) fn mask(&self, text: String) -> String {
        mask_secrets(text, self.secrets.iter().map(String::as_str))
    }

    /// Returns the step of a request that got no answer.
    pub(super) fn silence_step(&self, name: &'static str, error: &str) -> DiagnosisStep {
        let (noun, endpoint) = (self.target.settings.noun, &self.target.settings.endpoint);
        let fix = format!(
            "look at the {noun} that {endpoint} names, and at proxies before it: one of them takes the \
             connection and then is silent, or speaks no HTTP/1.1"
        );
        DiagnosisStep::fail(name, self.mask(error.to_owned()), fix)
    }

    /// Returns the fix of statuses that mean the same everywhere; `None` for the others.
    pub(super) fn general_fix(&self, response: &HttpResponse, appended: &str) -> Option<String> {
        let (noun, endpoint) = (self.target.settings.noun, &self.target.settings.endpoint);
        match response.status.as_u16() {
            300..=399 => {
                let location = response.headers.get(LOCATION)?.to_str().ok()?;
                let url = location.split(['?', '#']).next()?;
                let base = url.strip_suffix(appended).unwrap_or(url);
                let base = base.trim_end_matches('/');
                let absolute = base.contains("://") && !base.contains('@');
                Some(match absolute {
                    true => self.target.suggest(endpoint, base),
                    false => format!(
                        "set {} to where it redirects, which is not followed",
                        SettingFixes(&self.target.effective).name(endpoint)
                    ),
                })
            }
            407 => Some("correct the user and password of the proxy".into()),
            429 | 502..=504 => Some(format!(
                "wait, or give the {noun} more room: its own log says what it lacks"
            )),
            500..=599 => Some(format!("look at the log of the {noun}")),
            _ => None,
        }
    }
}

/// Returns the values of these headers that may be secret.
pub(super) fn secrets(headers: &HeaderMap, target: &UrlTarget) -> Vec<String> {
    let sensitive = headers.values().filter(|value| value.is_sensitive());
    let values = sensitive.filter_map(|value| value.to_str().ok());
    let user = target.endpoint.user();
    values.map(str::to_owned).chain(user).collect()
}
