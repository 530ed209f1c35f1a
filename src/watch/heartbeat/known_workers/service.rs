//! The workers that a service knows, by its routes.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use tokio::time::timeout;

use super::{Forgotten, KnownWorkersError, WorkerSummary};
use crate::config::{Endpoint, Secret, TlsConfig};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::units::format_duration;
use crate::net::{HttpClient, explain, http_client, is_a_web_page, json_headers, one_line};

/// The largest body of a response: a page of 1,000 workers is a tenth of this.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The number of workers in a page.
const PAGE_SIZE: usize = 1_000;
/// The longest time that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The workers of a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkersOfService {
    /// The base of the service, to which `/api/v1/workers` is appended.
    pub url: Endpoint,
    /// The bearer token, which forgetting needs. Default: none.
    pub token: Option<Secret>,
    /// Certificates for `https`. Default: the system's.
    pub tls: TlsConfig,
    /// The longest time for everything. Default: 30 s.
    pub deadline: Duration,
}

#[derive(Deserialize)]
struct Page {
    workers: Vec<WorkerSummary>,
    next_cursor: Option<String>,
}

struct Response {
    status: StatusCode,
    body: Bytes,
}

impl WorkersOfService {
    /// Returns the workers of the service at this base.
    #[must_use]
    pub fn new(url: Endpoint) -> Self {
        Self {
            url,
            token: None,
            tls: TlsConfig::default(),
            deadline: Duration::from_secs(30),
        }
    }

    /// Lists all workers, then all schedulers. Blocks, and must not be called in a runtime.
    ///
    /// # Errors
    ///
    /// The service can't be asked, or what answers is no service of this library.
    pub fn list_blocking(&self) -> Result<Vec<WorkerSummary>, KnownWorkersError> {
        self.block_on(async {
            let client = self.client()?;
            let mut all = Vec::new();
            for role in BeatRole::ALL {
                let mut cursor = None;
                loop {
                    let page = self.page(&client, role, cursor.as_ref()).await?;
                    let next = page.next_cursor;
                    all.extend(page.workers.into_iter().map(|worker| WorkerSummary {
                        role: role.to_string(),
                        ..worker
                    }));
                    let Some(next) = next else { break };
                    let next = BeatId::parse(&next).ok_or("its cursor is no id")?;
                    // A list that goes back would never end.
                    if cursor.as_ref().is_some_and(|before| next <= *before) {
                        return Err("its pages don't end".into());
                    }
                    cursor = Some(next);
                }
            }
            Ok(all)
        })
    }

    /// Forgets a worker. Blocks, and must not be called in a runtime.
    ///
    /// # Errors
    ///
    /// The id is none, the token is missing or another, or the service can't be asked.
    pub fn forget_blocking(&self, id: &str) -> Result<Forgotten, KnownWorkersError> {
        let id = BeatId::parse(id).ok_or_else(|| {
            KnownWorkersError(format!("{id:?} is no id; allowed: {}", BeatId::ALLOWED))
        })?;
        self.block_on(async {
            let path = format!("/api/v1/workers/{}", id.path_segment());
            let response = self.send(&self.client()?, Method::DELETE, &path).await?;
            match response.status {
                StatusCode::NO_CONTENT => Ok(Forgotten::Yes),
                // An older release, or another server, has no such route and says it in its own words.
                StatusCode::NOT_FOUND if is_our_answer(&response.body) => Ok(Forgotten::Unknown),
                _ => Err(refusal(&response)),
            }
        })
    }

    async fn page(
        &self,
        client: &HttpClient,
        role: BeatRole,
        after: Option<&BeatId>,
    ) -> Result<Page, String> {
        let mut path = format!("/api/v1/workers/health?role={role}&limit={PAGE_SIZE}");
        if let Some(after) = after {
            path.push_str("&cursor=");
            path.push_str(&after.path_segment());
        }
        let response = self.send(client, Method::GET, &path).await?;
        if !response.status.is_success() {
            return Err(refusal(&response));
        }
        serde_json::from_slice(&response.body)
            .map_err(|error| format!("its answer is no list of workers: {error}"))
    }

    async fn send(
        &self,
        client: &HttpClient,
        method: Method,
        path: &str,
    ) -> Result<Response, String> {
        let uri = format!("{}{path}", self.url.without_user().trim_end_matches('/'));
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Full::new(Bytes::new()));
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers()?;
        let response = client.request(request).await;
        let (head, body) = response.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        if is_a_web_page(&head.headers) {
            return Err(format!(
                "{} with a web page: the URL is not that of the service",
                head.status
            ));
        }
        Ok(Response {
            status: head.status,
            body,
        })
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        Ok(json_headers(ACCEPT, self.token.as_ref(), &self.url)?)
    }

    fn client(&self) -> Result<HttpClient, String> {
        if self.url.is_https() && !cfg!(feature = "tls") {
            return Err("https needs a build with the feature tls".into());
        }
        let tls = self.url.is_https().then_some(&self.tls);
        http_client(tls, CONNECT_TIMEOUT.min(self.deadline * 9 / 10))
    }

    fn block_on<T>(
        &self,
        call: impl Future<Output = Result<T, String>>,
    ) -> Result<T, KnownWorkersError> {
        let described =
            |cause: String| KnownWorkersError(format!("{} can't be asked: {cause}", self.url));
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build();
        let runtime = runtime.map_err(|error| described(error.to_string()))?;
        match runtime.block_on(async { timeout(self.deadline, call).await }) {
            Ok(result) => result.map_err(described),
            Err(_) => Err(described(format!(
                "no answer within {}",
                format_duration(self.deadline)
            ))),
        }
    }
}

fn is_our_answer(body: &[u8]) -> bool {
    let answer = serde_json::from_slice::<serde_json::Value>(body);
    answer.is_ok_and(|answer| answer["error"] == "no such worker")
}

fn refusal(response: &Response) -> String {
    let fix = match response.status {
        StatusCode::UNAUTHORIZED => "; the token must be the service's heartbeat.token",
        StatusCode::METHOD_NOT_ALLOWED => "; the service is of an earlier release",
        _ => "",
    };
    let text = one_line(&String::from_utf8_lossy(&response.body));
    match text.is_empty() {
        true => format!("{}{fix}", response.status),
        false => format!("{}: {text}{fix}", response.status),
    }
}
