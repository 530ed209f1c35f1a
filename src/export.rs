//! Ways out of the process: log lines, the OpenTelemetry providers, the OTLP push, the Prometheus text.
//!
//! | way out | who reads it | what blocks the service |
//! |---|---|---|
//! | log lines | whoever reads standard output | nothing: a queue, and a thread |
//! | providers | the two below | nothing: recording ends in memory |
//! | OTLP | a collector | nothing: queues, and a thread |
//! | Prometheus text | a scraper | nothing: it collects on the scrape's own thread |
//! | the development page, where it is on | whoever develops the service | nothing: it is kept in memory |

pub(crate) mod flush_report;

pub mod logs;

pub(crate) mod providers;

#[cfg(feature = "otlp")]
pub(crate) mod otlp;

pub(crate) mod prometheus;

#[cfg(feature = "axum")]
pub(crate) mod dev;

#[cfg(feature = "metrics")]
pub(crate) mod metrics_facade;
