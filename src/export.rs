//! Ways out of the process: log lines, the OpenTelemetry providers, the OTLP push, the Prometheus text.

pub(crate) mod flush_report;

pub mod logs;

pub(crate) mod providers;

#[cfg(feature = "otlp")]
pub(crate) mod otlp;

pub(crate) mod prometheus;
