//! The state of a queue that a query answers.

use std::time::Duration;

use sqlx::{ColumnIndex, Database, Decode, Error, Pool, Row, SqlStr};

use super::driver::Driver;
use super::query::QueryParts;
use super::spare::SpareConnection;
use crate::QueueState;

/// Reads the number of jobs and the age of the oldest from the row of a query.
///
/// Not by the pool, and not measured: a pool that is used up would hide the queue that grows because of it.
pub(super) async fn read<DB: Database>(
    pool: Pool<DB>,
    driver: &'static dyn Driver<DB>,
    query: SqlStr,
) -> Result<QueueState, Error>
where
    for<'r> String: Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut spare = SpareConnection::take(&pool).await?;
    let connection = spare.connection().ok_or(Error::PoolClosed)?;
    // Without parameters servers answer in text: `count` and `extract` have other types in each product, and in
    // PostgreSQL one that sqlx reads by a further crate.
    let row = driver
        .fetch_optional(connection, QueryParts::new(query))
        .await?;
    spare.give_back().await;
    let row = row.ok_or(Error::RowNotFound)?;
    let text = |column: usize| row.try_get_unchecked::<Option<String>, usize>(column);
    let depth = number(0, text(0)?)?.unwrap_or_default();
    let oldest = if row.len() > 1 {
        number(1, text(1)?)?
    } else {
        None
    };
    Ok(QueueState {
        // The fraction of a count is zero, and so is what is not due yet.
        depth: depth as u64,
        oldest: oldest.map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()),
    })
}

/// Returns the number in a column; `None` where it is null.
fn number(column: usize, text: Option<String>) -> Result<Option<f64>, Error> {
    let parse = |text: String| {
        let number = text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        number.ok_or_else(|| Error::Decode(format!("column {column} is no number").into()))
    };
    text.map(parse).transpose()
}
