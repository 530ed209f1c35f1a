//! A pool of [deadpool](https://docs.rs/deadpool/0.13) 0.13, below deadpool-postgres 0.14.2 and the like.
//!
//! ```no_run
//! # async fn f<M>(telemetry: vantage_obs::Telemetry, pool: deadpool::managed::Pool<M>) -> Result<(), deadpool::managed::PoolError<M::Error>>
//! # where M: deadpool::managed::Manager<Error: std::error::Error> + 'static { // with deadpool-postgres:
//! # async fn query_one(client: &impl Sized, text: &str) -> Result<u32, std::io::Error> { Ok(7) }
//! let db = telemetry.deadpool("shop", &pool);
//! let client = db.get().await?;
//! let order = query_one(&client, "SELECT total FROM orders"); // client.query_one(…)
//! let order = db.database().run("SELECT", "orders", order).await;
//! # Ok(()) }
//! ```
//!
//! | what happens | what is recorded |
//! |---|---|
//! | a caller waits for a connection | `db.client.connection.wait_time` |
//! | it waits longer than the pool's time limits | `db.client.connection.timeouts` |
//! | it gets none, for whatever reason | a call `CONNECT` that failed after 0 s, with its `error.type` |
//! | every second | connections in use and idle, the maximum, and the callers that wait |
//! | a call runs by [`MeasuredPool::database`] | its duration, its span, and its `error.type` |
//!
//! A wait is no part of a call, so that a pool that is used up makes no slow queries.
//!
//! With the feature `postgres` errors of tokio-postgres are told apart by the names of their SQLSTATEs, in calls and
//! where one ends a job. A check of the database is one line more, because a new connection is opened for each of its
//! runs: `telemetry.health_check("shop").deadpool(&db)`.

mod error;
mod health;
mod pool;
#[cfg(feature = "postgres")]
#[path = "deadpool/tokio_postgres/enabled.rs"]
mod tokio_postgres;
#[cfg(not(feature = "postgres"))]
#[path = "deadpool/tokio_postgres/disabled.rs"]
mod tokio_postgres;

pub use pool::MeasuredPool;
