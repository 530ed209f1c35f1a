//! A worker service: takes jobs from a queue, has a small server for its scrape, and beats to the API
//! whose address it is given.
//!
//! `cargo run --example worker_service -- 127.0.0.1:9464 http://127.0.0.1:8080`, then look at `/metrics`
//! here, and at `/api/v1/workers/health` of the API. Both need the same token for heartbeats, in the variable
//! `VANTAGE_OBS_HEARTBEAT_TOKEN`.

#[path = "shared/stop.rs"]
mod stop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use vantage_obs::config::HeartbeatSink;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, QueueState, Role};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9464".into());
    let mut config = Config::new("vantage-worker", Role::Worker);
    config.http.listen = Some(address.parse()?);
    if let Some(api) = std::env::args().nth(2) {
        config.heartbeat.sink = HeartbeatSink::Http;
        config.heartbeat.endpoint = Some(api.parse()?);
    }
    let telemetry = vantage_obs::init(config)?;

    let waiting = Arc::new(AtomicU64::new(3));
    let depth = Arc::clone(&waiting);
    let _watch = telemetry.watch_queue("posts", move || {
        let depth = depth.load(Ordering::Relaxed);
        QueueState {
            depth,
            oldest: (depth > 0).then_some(Duration::from_secs(1)),
        }
    });

    // Health has everything that it is to wait for.
    telemetry.started();
    let worker = telemetry.worker("publisher-1");
    let work = async {
        loop {
            let due = SystemTime::now();
            tokio::time::sleep(Duration::from_millis(200)).await;
            // Its result is the verdict, and comes back; this worker has nothing else to do with it.
            let published = worker.run("publish_post", due, &Carrier::EMPTY, publish());
            let _ = published.await;
        }
    };
    tokio::select! {
        () = work => {}
        stopped = stop::requested() => stopped?,
    }
    // What telemetry loses is no failure of the service.
    if let Err(incomplete) = telemetry.shutdown().await {
        eprintln!("{incomplete}");
    }
    Ok(())
}

async fn publish() -> std::io::Result<()> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}
