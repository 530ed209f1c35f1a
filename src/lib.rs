//! Observability for a Rust service from one config struct: model; configure; record; keep; export;
//! watch; generate; serve; assemble. That is the order of the modules: each imports only those above it.
//!
//! ```
//! use vantage_obs::{Config, Role, trace::Carrier};
//!
//! let telemetry = vantage_obs::init(Config::new("vantage-worker", Role::Worker))?;
//! let worker = telemetry.worker("publisher-1");
//! let job = worker.start("publish_post", std::time::SystemTime::now(), &Carrier::EMPTY);
//! job.succeed();
//! telemetry.shutdown_blocking()?; // or `shutdown().await?` in a runtime
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod model;

pub mod config;

mod record;

mod background;

#[cfg(feature = "otlp")]
mod net;

mod store;

mod export;

mod watch;

#[cfg(feature = "cli")]
pub mod generate;

#[cfg(any(feature = "axum", feature = "cli"))]
mod serve;

mod telemetry;

#[cfg(feature = "cli")]
pub mod doctor;

pub use config::{Config, Role};
pub use export::{flush_report as report, logs, prometheus::text as exposition};
pub use model::snapshot::{PoolState, QueueState};
pub use model::{alerts, catalog, slo, status, units};
pub use record::{instruments, middleware, trace};
#[cfg(any(feature = "axum", feature = "cli"))]
pub use serve::pages;
#[cfg(feature = "postgres")]
pub use store::postgres_client::PostgresError;
#[cfg(feature = "testing")]
pub use telemetry::testing;
pub use telemetry::{InitError, SloEventCounts, Telemetry, WatchGuard, init};
#[cfg(feature = "cli")]
pub use watch::slo::stored;
pub use watch::{health, slo::SloAlertChange, status as incidents};
#[cfg(feature = "otlp")]
pub use {export::otlp::ExportError, watch::slo::fleet};
