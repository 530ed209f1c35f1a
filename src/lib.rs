//! Observability for a Rust service from one config struct: declare once; record cheaply; carry
//! out; watch; derive; expose; assemble.
//!
//! ```
//! use vantage_obs::trace::Carrier;
//! use vantage_obs::{Config, Role};
//!
//! let telemetry = vantage_obs::init(Config::new("vantage-worker", Role::Worker))?;
//! let worker = telemetry.worker("publisher-1");
//! let job = worker.start("publish_post", std::time::SystemTime::now(), &Carrier::EMPTY);
//! job.succeed();
//! telemetry.shutdown_blocking()?; // or `shutdown().await?` in a runtime
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Modules stand in reading order: each uses only those above it.

// Declare: constants and plain values.
pub mod units;

pub mod catalog;

pub mod slo;

pub mod alerts;

#[cfg_attr(
    not(all(feature = "axum", feature = "otlp")),
    allow(
        dead_code,
        unused_imports,
        reason = "the routes read it, and the push of beats writes it"
    )
)]
mod beat;

mod snapshot;

pub mod status;

// Record: typed handles that never fail, block or panic.
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "`testing` hands it out")
)]
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(dead_code, reason = "tests move it")
)]
mod clock;

pub mod trace;

mod ledger;

mod books;

mod exemplars;

mod series;

pub mod instruments;

// Assemble's input: each part below takes its section.
pub mod config;

pub mod report;

// Carry: log lines, the OpenTelemetry pipelines, and the thread that carries out what they hold.
pub mod logs;

mod pipeline;

#[cfg(feature = "otlp")]
mod export;

// Keep: what must outlive a process.
#[cfg(feature = "postgres")]
mod postgres;

#[cfg_attr(
    not(all(feature = "axum", feature = "otlp")),
    allow(
        dead_code,
        unused_imports,
        reason = "the routes read it, and the push of beats writes it"
    )
)]
mod store;

#[cfg_attr(
    not(all(feature = "axum", feature = "otlp")),
    allow(
        dead_code,
        unused_imports,
        reason = "the routes read it, and the push of beats writes it"
    )
)]
mod heartbeat;

// Watch: signals into an immutable snapshot.
mod sampler;

mod bookkeeper;

mod news;

pub mod health;

mod slo_tracker;

// Derive: text from declarations. It knows nothing that runs.
#[cfg(feature = "cli")]
pub mod generate;
pub mod incidents;

// Expose: HTTP.
pub mod middleware;

pub mod exposition;

mod scrape;

#[cfg(any(feature = "axum", feature = "cli"))]
pub mod pages;

#[cfg(feature = "axum")]
mod routes;

// Assemble.
mod telemetry;

// Examine: what a configuration points to, from outside a service.
#[cfg(feature = "cli")]
pub mod doctor;

#[cfg(feature = "testing")]
pub mod testing;

pub use config::{Config, Role};
#[cfg(feature = "otlp")]
pub use export::ExportError;
#[cfg(feature = "postgres")]
pub use postgres::PostgresError;
pub use slo_tracker::SloAlertChange;
#[cfg(feature = "otlp")]
pub use slo_tracker::fleet;
#[cfg(feature = "cli")]
pub use slo_tracker::stored;
pub use snapshot::{PoolState, QueueState};
pub use telemetry::{InitError, Telemetry, Watch, init};
