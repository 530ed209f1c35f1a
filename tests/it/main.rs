//! The crate from outside: what a service records, and what a scraper sees of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod asked_sources;
#[cfg(feature = "otlp")]
mod backends;
#[cfg(feature = "otlp")]
mod beats;
mod catalog;
#[cfg(all(target_os = "linux", feature = "file-store", feature = "otlp"))]
mod clock_steps;
#[cfg(feature = "cli")]
mod dev;
#[cfg(feature = "cli")]
mod doctor;
#[cfg(feature = "cli")]
mod documentation;
mod exemplars;
#[cfg(all(unix, feature = "otlp", feature = "file-store", feature = "postgres"))]
mod failures;
mod figures;
mod first_hour;
#[cfg(feature = "otlp")]
mod fleet;
#[cfg(feature = "cli")]
mod generated;
#[cfg(feature = "otlp")]
mod grpc;
mod health;
mod http;
mod incidents;
mod jobs;
mod layer_order;
mod layering;
mod mounted;
mod objectives;
#[cfg(feature = "otlp")]
mod otlp;
mod panics;
#[cfg(feature = "cli")]
mod parity;
#[cfg(all(unix, feature = "otlp"))]
mod processes;
#[cfg(feature = "otlp")]
mod proxy;
#[cfg(all(feature = "otlp", feature = "postgres"))]
mod public_types;
mod reliability;
mod robust;
mod roles;
#[cfg(feature = "cli")]
mod scenarios;
mod scrape_log;
mod security;
mod serve;
mod serve_app;
mod server_limits;
mod shared_variables;
mod slo;
#[cfg(feature = "cli")]
mod starter;
mod status;
mod support;
mod test_kit;
#[cfg(all(target_os = "linux", feature = "otlp", feature = "axum"))]
mod thread_limits;
#[cfg(all(unix, feature = "otlp"))]
mod threads;
mod tokens;
mod trace_context;
mod traces;
mod user_code;
mod verdicts;
mod workers;
