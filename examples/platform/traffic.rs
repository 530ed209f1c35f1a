//! Real HTTP requests over loopback, at a steady rate.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};

use crate::Platform;
use crate::api::random_below;
use crate::counts::RequestOutcome;

/// The number of latest posts that clients know of.
const MAX_KNOWN_POSTS: usize = 200;
/// After this a client gives up; one in fifty does so at once.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Ids that the API has answered with.
#[derive(Default)]
pub(crate) struct KnownPosts(Mutex<VecDeque<u64>>);

impl KnownPosts {
    fn insert(&self, id: u64) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.push_back(id);
        if ids.len() > MAX_KNOWN_POSTS {
            ids.pop_front();
        }
    }

    /// One that exists, but for one in fifty and the time before the first.
    fn pick(&self) -> u64 {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(random_below(ids.len() as u64)).unwrap_or_default();
        match ids.get(index) {
            Some(id) if random_below(50) != 0 => *id,
            _ => 0,
        }
    }
}

pub(crate) async fn send(platform: Arc<Platform>, address: SocketAddr, rate: u32) {
    let client = Client::new();
    let mut interval = tokio::time::interval(Duration::from_secs(1) / rate);
    loop {
        interval.tick().await;
        tokio::spawn(request(
            Arc::clone(&platform),
            client.clone(),
            format!("http://{address}"),
        ));
    }
}

async fn request(platform: Arc<Platform>, client: Client, base: String) {
    let post = platform.posts.pick();
    let (method, path, timeout) = match random_below(100) {
        0..40 => (Method::GET, "/api/v1/posts".to_owned(), CLIENT_TIMEOUT),
        40..60 => (Method::POST, "/api/v1/posts".to_owned(), CLIENT_TIMEOUT),
        60..75 => (Method::GET, format!("/api/v1/posts/{post}"), CLIENT_TIMEOUT),
        75..85 => (
            Method::POST,
            format!("/api/v1/posts/{post}/like"),
            CLIENT_TIMEOUT,
        ),
        85..94 => (
            Method::POST,
            "/api/v1/generations".to_owned(),
            CLIENT_TIMEOUT,
        ),
        94..97 => (
            Method::GET,
            "/api/v1/organizations".to_owned(),
            CLIENT_TIMEOUT,
        ),
        // A stranger who looks for holes: no path of ours, and so no label of its own.
        97..98 => (
            Method::GET,
            format!("/wp-admin/{}", random_below(1_000)),
            CLIENT_TIMEOUT,
        ),
        // A client that gives up.
        _ => (
            Method::POST,
            "/api/v1/generations".to_owned(),
            Duration::from_millis(20),
        ),
    };
    let is_create = method == Method::POST && path == "/api/v1/posts";
    let request = client
        .request(method, format!("{base}{path}"))
        .timeout(timeout)
        .header("content-type", "application/json")
        .body(r#"{"body":"a post"}"#);
    // A request belongs to the phase in which it was sent.
    let counts = platform.counts();
    let started = Instant::now();
    let outcome = match request.send().await {
        Ok(response) if response.status().is_server_error() => RequestOutcome::Failed,
        Ok(response) if response.status().is_client_error() => RequestOutcome::Refused,
        Ok(response) => {
            if is_create && let Some(id) = id_of(response).await {
                platform.posts.insert(id);
            }
            RequestOutcome::Answered
        }
        Err(error) if error.is_timeout() => RequestOutcome::GaveUp,
        Err(_) => RequestOutcome::Failed,
    };
    counts.count_request(outcome, started.elapsed());
}

async fn id_of(response: reqwest::Response) -> Option<u64> {
    let body = response.bytes().await.ok()?;
    let post: serde_json::Value = serde_json::from_slice(&body).ok()?;
    post["id"].as_u64()
}
