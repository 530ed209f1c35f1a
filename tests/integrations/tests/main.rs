//! Each integration against the library that it is for.

mod actix;
mod cron;
mod deadpool;
mod errors;
mod figures;
mod loopback;
mod metrics_facade;
// Servers of the crate's own tests against back ends.
#[path = "../../../src/store/postgres_client/server.rs"]
mod postgres_server;
mod reqwest;
mod sqlx;
mod sqlx_products;
mod tonic;
mod tower_client;
