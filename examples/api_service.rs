//! An API service: two routes, the layer that measures them, and the SDK's own routes beside them.
//!
//! `cargo run --example api_service -- 127.0.0.1:8080`, then look at `/metrics`. It takes the heartbeats of workers
//! that have the token of its variable `VANTAGE_OBS_HEARTBEAT_TOKEN`.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use vantage_obs::{Config, Role};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let config = Config::new("vantage-api", Role::Api).version(env!("CARGO_PKG_VERSION"));
    let telemetry = vantage_obs::init(config)?;

    let business = telemetry.business();
    let create_post = move || async move {
        business.record_posts_published(1);
        StatusCode::CREATED
    };
    let app = Router::new()
        .route("/api/v1/posts", post(create_post))
        .route("/api/v1/posts/{id}", get(|| async { "a post" }));
    // Every request is measured; the SDK's routes stand beside these.
    let app = telemetry.mount(app);

    let listener = tokio::net::TcpListener::bind(&address).await?;
    // Until SIGTERM or Ctrl-C; it ends by a deadline, and says in the last log line how.
    telemetry.serve_app(listener, app).await?;
    Ok(())
}
