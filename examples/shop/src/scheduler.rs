//! What happens by the clock.

use tokio_cron_scheduler::JobScheduler;
use vantage_obs::{Config, Role};

use crate::database::Db;
use crate::error::Result;
use crate::settings::{Settings, stop_signal};
use crate::{AnyError, database, reports, stock};

/// Runs the schedules until a signal.
pub async fn run(settings: &Settings) -> std::result::Result<(), AnyError> {
    let telemetry = vantage_obs::init(Config::new("shop-scheduler", Role::Scheduler))?;
    let db = database::connect(settings, &telemetry).await?;
    let mut scheduler = JobScheduler::new().await?;
    let pool = db.clone();
    scheduler
        .add(telemetry.cron_job("restock", "*/5 * * * * *", move || {
            let db = pool.clone();
            async move { restock(&db).await }
        })?)
        .await?;
    scheduler
        .add(telemetry.cron_job("sales-report", "0 * * * * *", move || {
            let db = db.clone();
            async move { report_sales(&db).await }
        })?)
        .await?;
    scheduler.start().await?;
    stop_signal().await;
    scheduler.shutdown().await?;
    telemetry.shutdown().await?;
    Ok(())
}

async fn restock(db: &Db) -> Result<()> {
    let products = stock::restock(db).await?;
    tracing::info!(products, "restocked");
    Ok(())
}

async fn report_sales(db: &Db) -> Result<()> {
    for sales in reports::sales(db).await? {
        tracing::info!(?sales, "sales so far");
    }
    Ok(())
}
