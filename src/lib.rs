//! Observability for a Rust service from one config struct: metrics, traces and log lines, health routes,
//! heartbeats, service level objectives and a status page, and from the same declarations the dashboards,
//! alerts and runbooks.
//!
//! ```
//! use vantage_obs::{Config, ExpositionFormat, Role, trace::Carrier};
//!
//! let telemetry = vantage_obs::init(Config::new("vantage-worker", Role::Worker))?;
//! let worker = telemetry.worker("publisher-1");
//! let job = worker.start("publish_post", std::time::SystemTime::now(), &Carrier::EMPTY);
//! job.succeed();
//! let scrape = telemetry.scrape(ExpositionFormat::Text).expect("something was recorded");
//! let series = r#"vantage_worker_jobs_total{job_kind="publish_post",outcome="succeeded"} 1"#;
//! assert!(scrape.lines().any(|line| line == series));
//! telemetry.shutdown_blocking()?; // or `shutdown().await?` in a runtime
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | set-up, flush and the end | [`init`], [`Telemetry`], [`Telemetry::shutdown`] |
//! | settings, files and variables | [`config`] |
//! | serving an app, from the first request to the last log line | `Telemetry::mount`, `Telemetry::serve_app` |
//! | requests of a server, calls to others | [`Telemetry::http_layer`], [`Telemetry::http_call`], [`middleware`] |
//! | jobs, scheduled runs, databases, business figures | [`instruments`] |
//! | traces through a queue | [`trace::Carrier`] |
//! | log lines, and their levels while the process runs | [`logs`], [`Telemetry::log_levels`] |
//! | health checks, watchdogs, readiness | [`health`], [`Telemetry::health_check`] |
//! | objectives and error budgets | [`slo`], [`Telemetry::slo_report`] |
//! | incidents and the status page | [`incidents`], [`status`] |
//! | sqlx and other libraries | [`integrations`] |
//! | figures of the service's own | [`figure`], [`figures!`], [`Telemetry::counter`], `gauge`, `histogram` |
//! | metrics of a meter of one's own | [`Telemetry::meter`], [`catalog`] |
//! | tests of a service | `testing`, with the feature of that name |
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `axum` | the routes and pages, `serve`, `http.listen` | yes |
//! | `otlp` | the push of traces, metrics and logs | yes |
//! | `tls` | `https` for everything that connects | |
//! | `file-store`, `postgres` | stores that outlive the process | |
//! | `testing` | telemetry without globals, with a clock in the hand and assertions on what was recorded | |
//! | `cli` | the command `vantage-obs` | |
//! | `actix`, `cron`, `deadpool`, `metrics`, `reqwest`, `sqlx`, `tokio-metrics` | a library each: [`integrations`]; sqlx needs Rust 1.94 | |
//!
//! # Conventions
//!
//! - `new` takes what a value can't be without; other constructors name what they read (`from_file`, `from_env`,
//!   `with_config`, `load`, `parse`).
//! - A builder is filled in by the bare names of its parts: `Config::new(…).version("1.4.2")`,
//!   `health_check("cache").interval(…)`. A finished value is copied with another part by `with_…`:
//!   `Finding::fail("refused").with_detail(…)`.
//! - What records begins with `record_`, and neither fails, blocks nor panics.
//! - A handle of something under way ends once: by `succeed`, by `fail`, or dropped, which means that it was
//!   broken off; [`instruments`] has the table.
//! - Beside an `async` method that waits stands one with the suffix `_blocking`, for threads without a runtime.
//! - Ratios are 0 to 1, times [`Duration`](std::time::Duration), points in time
//!   [`Timestamp`](jiff::Timestamp), and "off" is `None`.
//!
//! # What is stable
//!
//! Rust items, HTTP paths and their status codes, settings, variables and the command's verbs and exit statuses
//! follow semantic versioning. A minor release may add metrics, labels, JSON fields, log fields, alerts and
//! settings, and change texts for people: messages, log lines, pages, runbooks, dashboards and the names of
//! recorded series. Hidden items are there for the command and may change in any release. The versions of
//! OpenTelemetry, prometheus, jiff and axum are part of the API, and re-exported here.
//!
//! # The order of the modules
//!
//! Model; configure; record; keep; export; watch; generate; serve; assemble: each imports only those above it.

// Features that an item needs are shown beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
#[doc(hidden)]
pub mod generate;

#[cfg(any(feature = "axum", feature = "cli"))]
mod serve;

mod telemetry;

pub mod integrations;

// In the documentation alone, with everything that it speaks of.
#[cfg(all(doc, feature = "axum", feature = "testing"))]
pub mod guide;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod doctor;

// For tests and for `cargo fuzz`, with all features.
#[cfg(all(
    any(test, fuzzing),
    feature = "cli",
    feature = "file-store",
    feature = "postgres",
    feature = "testing"
))]
#[doc(hidden)]
pub mod fuzzing;

pub use config::{Config, Role};
pub use export::flush_report::{FlushError, FlushReport, SignalReport};
pub use export::logs;
pub use export::prometheus::text::ExpositionFormat;
pub use model::snapshot::{PoolState, QueueState};
pub use model::{alerts, catalog, figure, slo, status, units};
pub use record::{instruments, middleware, trace};
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use serve::dev_server as dev;
#[cfg(any(feature = "axum", feature = "cli"))]
#[doc(hidden)]
pub use serve::pages;
#[cfg(feature = "postgres")]
pub use store::postgres_client::PostgresError;
#[cfg(feature = "testing")]
pub use telemetry::testing;
pub use telemetry::{InitError, SloEventCounts, Telemetry, WatchGuard, init};
#[cfg(feature = "axum")]
pub use telemetry::{LastScrape, ServeApp, ServeReport, StopCause};
pub use watch::{health, slo::SloAlertChange, status as incidents};
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use watch::{heartbeat::known_workers as workers, slo::stored};
#[cfg(feature = "otlp")]
pub use {export::otlp::ExportError, watch::slo::fleet};

// Crates whose types stand in the public API, in the versions that are used here. Hidden modules above are
// there for the command alone, and may change in any release.
#[cfg(feature = "axum")]
pub use axum;
pub use {jiff, opentelemetry, prometheus};
