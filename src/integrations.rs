//! Libraries that services are made of: one leaf feature for each, which nothing else in the crate needs.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "cron")]
pub mod cron;
#[cfg(feature = "deadpool")]
pub mod deadpool;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(any(feature = "deadpool", feature = "sqlx"))]
mod pool;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "sqlx")]
mod sql_summary;
#[cfg(feature = "sqlx")]
pub mod sqlx;
