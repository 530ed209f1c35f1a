//! Workers: each takes one job after the other.

use std::pin::pin;
use std::time::Duration;

use vantage_obs::instruments::Worker;
use vantage_obs::{Config, Role};

use crate::database::Db;
use crate::error::{Result, ShopError};
use crate::jobs::Job;
use crate::settings::{Settings, stop_signal};
use crate::{AnyError, database, jobs, orders};

/// How long an idle worker waits before it looks again.
const IDLE: Duration = Duration::from_millis(200);

const WAITING: &str =
    "SELECT count(*), extract(epoch FROM now() - min(due)) FROM jobs WHERE due <= now()";

/// Works until a signal; the job at hand is finished.
pub async fn run(settings: &Settings, name: &str) -> std::result::Result<(), AnyError> {
    let telemetry = vantage_obs::init(Config::new("shop-worker", Role::Worker))?;
    let worker = telemetry.worker(name);
    let db = database::connect(settings, &telemetry).await?;
    let _watched = db.watch_queue("jobs", Duration::from_secs(5), WAITING);
    tracing::info!(worker = name, "started");
    let mut stop = pin!(stop_signal());
    loop {
        let worked = match step(&db, &worker).await {
            Ok(worked) => worked,
            Err(error) => {
                tracing::error!(%error, "no job could be taken");
                false
            }
        };
        let rest = if worked { Duration::ZERO } else { IDLE };
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(rest) => {}
        }
    }
    telemetry.shutdown().await?;
    Ok(())
}

/// Takes a job and does it; `false` where none was due.
async fn step(db: &Db, worker: &Worker) -> Result<bool> {
    let Some(job) = jobs::take(db).await? else {
        return Ok(false);
    };
    let run = worker.run(&job.kind, job.due, &job.carrier.0, work(db, &job));
    match run.await {
        Ok(()) => jobs::finish(db, &job).await?,
        Err(error) => {
            tracing::warn!(%error, job = job.id, kind = job.kind, "job failed");
            jobs::put_off(db, &job).await?;
        }
    }
    Ok(true)
}

async fn work(db: &Db, job: &Job) -> Result<()> {
    match &*job.kind {
        "send_receipt" => {
            // The mail server takes its time.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        }
        "pack_parcel" => orders::advance(db, job.order_id, "packed").await,
        _ => Err(ShopError::NotFound("kind of job")),
    }
}
