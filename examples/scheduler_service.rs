//! A scheduler service: runs a schedule every second, has a small server for its scrape, and beats to
//! the API whose address it is given.
//!
//! `cargo run --example scheduler_service -- 127.0.0.1:9465 http://127.0.0.1:8080`, then look at
//! `/metrics` here, and at `/api/v1/workers/health?role=scheduler` of the API.

#[path = "shared/stop.rs"]
mod stop;

use std::time::{Duration, SystemTime};

use vantage_obs::config::HeartbeatSink;
use vantage_obs::{Config, Role};

const INTERVAL: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9465".into());
    let mut config = Config::new("vantage-scheduler", Role::Scheduler);
    config.http.listen = Some(address.parse()?);
    if let Some(api) = std::env::args().nth(2) {
        config.heartbeat.sink = HeartbeatSink::Http;
        config.heartbeat.endpoint = Some(api.parse()?);
    }
    let telemetry = vantage_obs::init(config)?;

    // Health has everything that it is to wait for.
    telemetry.started();
    let scheduler = telemetry.scheduler();
    // One that does not begin is counted as missed.
    scheduler.expect("weekly-digest", INTERVAL, 10 * INTERVAL);
    let work = async {
        loop {
            let due = SystemTime::now() + INTERVAL;
            scheduler.record_scheduled("weekly-digest", 1);
            tokio::time::sleep(INTERVAL).await;
            // Its result is the verdict, and comes back; this scheduler has nothing else to do with it.
            let _ = scheduler.run("weekly-digest", due, enqueue_digests()).await;
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

async fn enqueue_digests() -> std::io::Result<()> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}
