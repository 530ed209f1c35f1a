//! GET requests to one base, all before one moment.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::{Instant, timeout_at};

use super::{Fleet, deadline_of};
use crate::config::Secret;
use crate::model::units::format_duration;
use crate::net::{HttpClient, explain, http_client, is_a_web_page, one_line, user_agent};

/// A thousand objectives with two results each are a tenth of this.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// How long a connection may take: less than most deadlines, so that its failure is told apart.
const CONNECT: Duration = Duration::from_secs(5);

/// Asks one server.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: HttpClient,
    base: String,
    headers: HeaderMap,
    allowed: Duration,
    deadline: Instant,
}

impl Api {
    pub(super) fn new(fleet: &Fleet) -> Result<Self, String> {
        if fleet.url.is_https() && !cfg!(feature = "tls") {
            return Err("https needs a build with the feature tls".into());
        }
        let tls = fleet.url.is_https().then_some(&fleet.tls);
        Ok(Self {
            client: http_client(tls, CONNECT.min(fleet.deadline * 9 / 10))?,
            base: fleet.url.without_user().trim_end_matches('/').to_owned(),
            headers: headers(fleet)?,
            allowed: fleet.deadline,
            deadline: deadline_of(fleet),
        })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Bytes, String> {
        match timeout_at(self.deadline, self.exchange(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!(
                "no answer within {}",
                format_duration(self.allowed)
            )),
        }
    }

    async fn exchange(&self, path: &str) -> Result<Bytes, String> {
        let uri = format!("{}{path}", self.base);
        let request = Request::get(uri).body(Full::new(Bytes::new()));
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        judge(head.status, &head.headers, body)
    }
}

fn headers(fleet: &Fleet) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(user_agent()));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let token = fleet.token.as_ref().and_then(Secret::expose);
    let basic = || {
        let user = base64::engine::general_purpose::STANDARD.encode(fleet.url.user()?);
        Some(format!("Basic {user}"))
    };
    let credentials = token.map(|token| format!("Bearer {token}")).or_else(basic);
    if let Some(text) = credentials {
        // Not sent at all it would look like a wrong token.
        let value = HeaderValue::try_from(text);
        let mut value = value.map_err(|_| "the token is no text that a header can hold")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Redirects are not followed: the token would go where nobody sent it.
fn judge(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Bytes, String> {
    if is_a_web_page(headers) {
        return Err(format!(
            "{status} with a web page: the URL is not that of the API"
        ));
    }
    if status.is_success() {
        return Ok(body);
    }
    match one_line(&String::from_utf8_lossy(&body)) {
        said if said.is_empty() => Err(status.to_string()),
        said => Err(format!("{status}: {said}")),
    }
}
