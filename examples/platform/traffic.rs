//! Real HTTP requests over loopback, at a steady rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::{Client, Method};

use crate::Platform;
use crate::api::chance;

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
    let post = chance(1_000);
    let (method, path, patience) = match chance(100) {
        0..40 => (Method::GET, "/api/v1/posts".to_owned(), 10_000),
        40..60 => (Method::POST, "/api/v1/posts".to_owned(), 10_000),
        60..75 => (Method::GET, format!("/api/v1/posts/{post}"), 10_000),
        75..85 => (Method::POST, format!("/api/v1/posts/{post}/like"), 10_000),
        85..93 => (Method::POST, "/api/v1/generations".to_owned(), 10_000),
        93..96 => (Method::GET, "/api/v1/organizations".to_owned(), 10_000),
        96..98 => (Method::GET, format!("/wp-admin/{post}"), 10_000),
        // A client that gives up.
        _ => (Method::POST, "/api/v1/generations".to_owned(), 20),
    };
    let request = client
        .request(method, format!("{base}{path}"))
        .timeout(Duration::from_millis(patience));
    let request = request
        .header("content-type", "application/json")
        .body(r#"{"body":"a post"}"#);
    platform.sent.fetch_add(1, Ordering::Relaxed);
    let failed = match request.send().await {
        Ok(response) => response.status().is_server_error(),
        Err(_) => true,
    };
    platform.failed.fetch_add(failed.into(), Ordering::Relaxed);
}
