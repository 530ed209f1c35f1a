//! The PostgreSQL client: address, pool, migrations and statistics.
//!
//! Why a pool of our own? Because a call that ran out of time leaves its connection with an answer
//! on the way, and the client would make the next call wait behind it: such a connection has to go,
//! together with the task that reads it. With that rule, a pool is a list and a semaphore; Cargo.toml
//! says at tokio-postgres what one of deadpool-postgres would cost.
//!
//! Nothing is set for a session: limits and locks belong to transactions, so that a proxy which
//! hands one session to many clients does no harm, as long as it knows prepared statements.
//!
//! | layer | knows |
//! |---|---|
//! | address, encryption | the URL, and what of it the driver doesn't read |
//! | pool | connections, deadlines, transactions |
//! | migrate | the schema |
//! | statistics, sampler | the server's own figures |
//! | queue | a table that is a queue |
//! | error | what an operator is told, and whether a retry makes sense |

mod error;

mod address;

#[cfg(not(feature = "tls"))]
#[path = "postgres_client/plain.rs"]
mod tls;
#[cfg(feature = "tls")]
mod tls;

mod pool;

mod migrate;

#[cfg(feature = "cli")]
mod inspect;

mod statistics;

mod queue;

mod sampler;

#[cfg(test)]
pub(crate) mod server;

#[cfg(test)]
mod backends;

pub(crate) use address::PostgresAddress;
#[cfg(feature = "cli")]
pub(crate) use address::PostgresHost;
pub use error::PostgresError;
#[cfg(feature = "cli")]
pub(crate) use inspect::{SchemaInspection, ServerInspection, inspect};
pub(crate) use migrate::migrate;
#[cfg(feature = "cli")]
pub(crate) use migrate::require_schema;
pub(crate) use pool::{PooledTransaction, PostgresPool, TransactionLimits, with_timeout};
pub(crate) use queue::QueueQuery;
pub(crate) use sampler::{DatabaseSampler, LatestDatabase};
