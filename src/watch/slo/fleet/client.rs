//! The HTTP client: GET requests to one base, all before one deadline.

use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::{Instant, timeout_at};

use super::{PrometheusReporter, deadline_instant};
use crate::model::units::format_duration;
use crate::net::{
    HttpClient, add_headers, explain, http_client, is_a_web_page, json_headers, one_line,
};

/// The largest body of a response. A thousand objectives with two results each are a tenth of this.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The longest time that a connection may take: less than most deadlines, so that its failure is told apart.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one server.
#[derive(Clone, Debug)]
pub(super) struct PrometheusClient {
    client: HttpClient,
    /// Without user name and without a slash at its end.
    base: String,
    headers: HeaderMap,
    /// For messages; [`deadline`](Self::deadline) is what counts.
    timeout: Duration,
    /// One for all requests, so that a report takes no longer with more queries.
    deadline: Instant,
}

impl PrometheusClient {
    pub(super) fn new(reporter: &PrometheusReporter) -> Result<Self, String> {
        if reporter.url.is_https() && !cfg!(feature = "tls") {
            return Err("https needs a build with the feature tls".into());
        }
        let tls = reporter.url.is_https().then_some(&reporter.tls);
        Ok(Self {
            client: http_client(tls, CONNECT_TIMEOUT.min(reporter.deadline * 9 / 10))?,
            base: reporter.url.without_user().trim_end_matches('/').to_owned(),
            headers: reporter.request_headers()?,
            timeout: reporter.deadline,
            deadline: deadline_instant(reporter),
        })
    }

    /// Returns the body of a successful response before the deadline; the error is one line for
    /// people.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, String> {
        match timeout_at(self.deadline, self.send(path)).await {
            Ok(response) => response,
            Err(_) => Err(format!(
                "no answer within {}",
                format_duration(self.timeout)
            )),
        }
    }

    async fn send(&self, path: &str) -> Result<Bytes, String> {
        let uri = format!("{}{path}", self.base);
        let request = Request::get(uri).body(Full::new(Bytes::new()));
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers.clone();
        let response = self.client.request(request).await;
        let (head, body) = response.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        check_response(head.status, &head.headers, body)
    }
}

impl PrometheusReporter {
    /// Returns the headers of each request, credentials included.
    pub(crate) fn request_headers(&self) -> Result<HeaderMap, &'static str> {
        let mut headers = json_headers(ACCEPT, self.token.as_ref(), &self.url)?;
        add_headers(&mut headers, &self.headers)?;
        Ok(headers)
    }
}

/// Returns the body of a successful response. Redirects are not followed: the token would go to another
/// server.
fn check_response(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Bytes, String> {
    if is_a_web_page(headers) {
        return Err(format!(
            "{status} with a web page: the URL does not point to the API"
        ));
    }
    if status.is_success() {
        return Ok(body);
    }
    match one_line(&String::from_utf8_lossy(&body)) {
        message if message.is_empty() => Err(status.to_string()),
        message => Err(format!("{status}: {message}")),
    }
}
