//! Real HTTP requests over loopback, at a steady rate.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};

use crate::Platform;
use crate::api::chance;
use crate::figures::Request;

/// How many of the latest posts clients know of.
const KNOWN: usize = 200;
/// After this a client gives up; one in fifty does so at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ids that the API has answered with.
#[derive(Default)]
pub(crate) struct Posts(Mutex<VecDeque<u64>>);

impl Posts {
    fn learn(&self, id: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back(id);
        if known.len() > KNOWN {
            known.pop_front();
        }
    }

    /// One that exists, but for one in fifty and the time before the first.
    fn pick(&self) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(chance(known.len() as u64)).unwrap_or_default();
        match known.get(place) {
            Some(id) if chance(50) != 0 => *id,
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
    let (method, path, patience) = match chance(100) {
        0..40 => (Method::GET, "/api/v1/posts".to_owned(), PATIENCE),
        40..60 => (Method::POST, "/api/v1/posts".to_owned(), PATIENCE),
        60..75 => (Method::GET, format!("/api/v1/posts/{post}"), PATIENCE),
        75..85 => (Method::POST, format!("/api/v1/posts/{post}/like"), PATIENCE),
        85..94 => (Method::POST, "/api/v1/generations".to_owned(), PATIENCE),
        94..97 => (Method::GET, "/api/v1/organizations".to_owned(), PATIENCE),
        // A stranger who looks for holes: no path of ours, and so no label of its own.
        97..98 => (
            Method::GET,
            format!("/wp-admin/{}", chance(1_000)),
            PATIENCE,
        ),
        // A client that gives up.
        _ => (
            Method::POST,
            "/api/v1/generations".to_owned(),
            Duration::from_millis(20),
        ),
    };
    let creates = method == Method::POST && path == "/api/v1/posts";
    let request = client
        .request(method, format!("{base}{path}"))
        .timeout(patience)
        .header("content-type", "application/json")
        .body(r#"{"body":"a post"}"#);
    // A request belongs to the phase in which it was sent.
    let figures = platform.figures();
    let started = Instant::now();
    let outcome = match request.send().await {
        Ok(response) if response.status().is_server_error() => Request::Failed,
        Ok(response) if response.status().is_client_error() => Request::Refused,
        Ok(response) => {
            if creates && let Some(id) = id_of(response).await {
                platform.posts.learn(id);
            }
            Request::Answered
        }
        Err(error) if error.is_timeout() => Request::GaveUp,
        Err(_) => Request::Failed,
    };
    figures.request(outcome, started.elapsed());
}

async fn id_of(response: reqwest::Response) -> Option<u64> {
    let body = response.bytes().await.ok()?;
    let post: serde_json::Value = serde_json::from_slice(&body).ok()?;
    post["id"].as_u64()
}
