//! A pool of [sqlx](https://docs.rs/sqlx/0.9) 0.9, with any of its databases.
//!
//! ```no_run
//! # use sqlx::{Database, Encode, Executor, IntoArguments, Pool, Type};
//! # async fn f<DB: Database>(telemetry: vantage_obs::Telemetry, pool: Pool<DB>, id: i64) -> sqlx::Result<()>
//! # where
//! #     for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
//! #     DB::Arguments: IntoArguments<DB>,
//! #     for<'q> i64: Encode<'q, DB> + Type<DB>,
//! # {
//! let db = telemetry.sqlx("shop", pool); // in place of the pool from here on
//! let order = sqlx::query("SELECT total FROM orders WHERE id = $1").bind(id).fetch_one(&db).await?;
//! let mut tx = db.begin().await?;
//! sqlx::query("UPDATE orders SET total = 0 WHERE id = $1").bind(id).execute(&mut *tx).await?;
//! tx.commit().await?;
//! # Ok(()) }
//! ```
//!
//! [`MeasuredPool`] takes the place of the pool: it runs the queries that the pool would run, and measures them.
//!
//! | what happens | what is recorded |
//! |---|---|
//! | a query runs | `db.client.operation.duration` by operation and table, a client span; over 1 s a slow query |
//! | it waits for a connection | `db.client.connection.wait_time`, which is no part of its duration |
//! | the wait is too long for the pool | `db.client.connection.timeouts`; the query failed with `pool_timed_out` after 0 s, and is not slow |
//! | the database refuses it | its `error.type`: the name of the SQLSTATE's class or condition |
//! | the connection breaks | `error.type` is `io` |
//! | its future is dropped | `error.type` is `cancelled` |
//! | a stream of rows is dropped between two rows | a query that worked: the caller had enough |
//! | a transaction ends | `vantage.database.transactions` by outcome, and the time of its `COMMIT` or `ROLLBACK` |
//! | every second | connections in use and idle, the maximum, and the callers that wait |
//! | every `health.interval` | a check of the pool's name, whether the database answers |
//!
//! Operation and table are read from the text of the query; values never are, and the text itself goes nowhere. A row
//! that a caller looks at for a second makes no slow query, because only the time is counted in which the caller
//! waits for rows.
//!
//! What runs past the handle is not measured: queries on [`MeasuredPool::pool`], and on a connection that was taken
//! out of [`MeasuredConnection`] by `as_mut`.

mod connection;
mod driver;
mod error;
mod executor;
mod health;
mod pool;
mod query;
mod queue;
mod rows;
mod spare;
mod transaction;

pub use connection::{MeasuredConnection, MeasuredPoolConnection};
pub use pool::MeasuredPool;
pub use transaction::MeasuredTransaction;
