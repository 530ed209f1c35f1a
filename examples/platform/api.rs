//! The API: posts, AI generations and organisations.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use vantage_obs::instruments::{Currency, Engagement};

use crate::Platform;
use crate::jobs::PublishTask;

type ApiResult = Result<Json<Value>, StatusCode>;

const EUR: Currency = Currency::new("EUR").expect("three capital letters");

pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    platform: Arc<Platform>,
) -> std::io::Result<()> {
    let telemetry = &platform.telemetry;
    let app = Router::new()
        .route("/api/v1/posts", get(count_posts).post(create_post))
        .route("/api/v1/posts/{id}", get(show_post))
        .route("/api/v1/posts/{id}/like", post(like_post))
        .route("/api/v1/generations", post(generate))
        .route("/api/v1/organizations", get(organizations))
        .with_state(Arc::clone(&platform));
    let app = telemetry.mount(app);
    // Not `serve_app`, which would end telemetry with a signal: the platform sums its run up first.
    let connections =
        telemetry.count_connections(app.into_make_service_with_connect_info::<SocketAddr>());
    axum::serve(listener, connections).await
}

async fn count_posts(State(platform): State<Arc<Platform>>) -> ApiResult {
    inject_faults(&platform, 3).await?;
    let posts = platform
        .database
        .count()
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({"posts": posts})))
}

async fn show_post(State(platform): State<Arc<Platform>>, Path(id): Path<u64>) -> ApiResult {
    let exists = platform
        .database
        .find(id)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    if exists {
        Ok(Json(json!({"id": id})))
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}

async fn create_post(State(platform): State<Arc<Platform>>, Json(body): Json<Value>) -> ApiResult {
    inject_faults(&platform, 5).await?;
    let text = body["body"]
        .as_str()
        .ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
    let id = platform
        .database
        .insert_post(text)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    tracing::info!(post = id, "queued for publishing");
    platform.queue.push(PublishTask {
        post: id,
        due: SystemTime::now(),
        carrier: platform.telemetry.carrier(),
    });
    Ok(Json(json!({"id": id})))
}

async fn like_post(State(platform): State<Arc<Platform>>, Path(_): Path<u64>) -> StatusCode {
    platform
        .telemetry
        .business()
        .record_engagement(Engagement::Like);
    StatusCode::NO_CONTENT
}

async fn generate(State(platform): State<Arc<Platform>>) -> ApiResult {
    tokio::time::sleep(Duration::from_millis(40 + random_below(120))).await;
    inject_faults(&platform, 2).await?;
    let business = platform.telemetry.business();
    business.record_ai_generation("caption");
    business.record_revenue(EUR, 19);
    Ok(Json(json!({"caption": "words"})))
}

async fn organizations(State(platform): State<Arc<Platform>>) -> Json<Value> {
    let active = 40 + random_below(5);
    platform
        .telemetry
        .business()
        .record_active_organizations(active);
    Json(json!({"active": active}))
}

/// One request in 500 fails; during the incident every third does, and the others are slow.
async fn inject_faults(platform: &Platform, max_delay_ms: u64) -> Result<(), StatusCode> {
    let incident = platform.is_incident();
    let max_delay_ms = if incident { 3_000 } else { max_delay_ms };
    tokio::time::sleep(Duration::from_millis(random_below(max_delay_ms))).await;
    if random_below(if incident { 3 } else { 500 }) == 0 {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    } else {
        Ok(())
    }
}

/// Returns a random number below `limit`, good enough for traffic.
pub(crate) fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(SystemTime::now()) % limit.max(1)
}
