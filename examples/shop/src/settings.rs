//! The settings that differ between a laptop and production.

use std::env;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::AnyError;

/// The settings of all processes, from the environment.
#[derive(Debug)]
pub struct Settings {
    pub database_url: String,
    /// The address of the payment service.
    pub payments_url: String,
    /// The address that an API or a payment service listens on.
    pub listen: String,
    /// The most connections that a process keeps to the database.
    pub connections: u32,
    /// The time that a request may wait for a connection.
    pub acquire_timeout: Duration,
}

impl Settings {
    pub fn from_env() -> Result<Self, AnyError> {
        let or = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        Ok(Self {
            database_url: env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?,
            payments_url: or("SHOP_PAYMENTS_URL", "http://127.0.0.1:8090"),
            listen: or("SHOP_LISTEN", "127.0.0.1:8080"),
            connections: or("SHOP_CONNECTIONS", "8").parse()?,
            acquire_timeout: Duration::from_millis(or("SHOP_ACQUIRE_MS", "2000").parse()?),
        })
    }
}

/// Ends with the signal that ends a process: SIGTERM, or Ctrl-C.
pub async fn stop_signal() {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be handled");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
