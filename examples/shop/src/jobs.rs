//! The queue of jobs: a table, of which each worker takes the oldest row that no other has.

use sqlx::types::Json;
use sqlx::types::chrono::{DateTime, Utc};
use vantage_obs::trace::Carrier;

use crate::database::{Db, DbTransaction};
use crate::error::Result;

/// A job that this process has taken.
#[derive(Debug, sqlx::FromRow)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub order_id: i64,
    pub due: DateTime<Utc>,
    pub carrier: Json<Carrier>,
}

/// Adds a job, as a part of the caller's transaction.
pub async fn enqueue(
    tx: &mut DbTransaction<'_>,
    kind: &str,
    order: i64,
    carrier: Carrier,
) -> Result<()> {
    sqlx::query("INSERT INTO jobs (kind, order_id, carrier) VALUES ($1, $2, $3)")
        .bind(kind)
        .bind(order)
        .bind(Json(carrier))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes the job that is due for longest; one that a worker took a minute ago and didn't finish is due again.
pub async fn take(db: &Db) -> Result<Option<Job>> {
    let job = sqlx::query_as(
        "UPDATE jobs SET taken_at = now(), attempts = attempts + 1
         WHERE id = (
             SELECT id FROM jobs
             WHERE due <= now() AND (taken_at IS NULL OR taken_at < now() - interval '1 minute')
             ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, order_id, due, carrier",
    );
    Ok(job.fetch_optional(db).await?)
}

/// Deletes a job that is done.
pub async fn finish(db: &Db, job: &Job) -> Result<()> {
    sqlx::query("DELETE FROM jobs WHERE id = $1")
        .bind(job.id)
        .execute(db)
        .await?;
    Ok(())
}

/// Puts a job off that failed, for longer each time; deletes it after five attempts.
pub async fn put_off(db: &Db, job: &Job) -> Result<()> {
    sqlx::query(
        "UPDATE jobs SET taken_at = NULL, due = now() + interval '1 second' * power(4, attempts) WHERE id = $1",
    )
    .bind(job.id)
    .execute(db)
    .await?;
    sqlx::query("DELETE FROM jobs WHERE id = $1 AND attempts >= 5")
        .bind(job.id)
        .execute(db)
        .await?;
    Ok(())
}
