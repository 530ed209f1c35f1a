//! The OpenTelemetry pipelines: providers of meters, tracers and loggers, built from the
//! configuration.
//!
//! Three providers and no global state: what is set globally is the service's decision, and
//! `Telemetry` makes it.

#[cfg(feature = "otlp")]
mod logs;
mod metrics;
mod resource;
mod traces;
mod user_meters;

#[cfg(feature = "otlp")]
pub(crate) use logs::LogProvider;
pub(crate) use metrics::MetricProvider;
pub(crate) use resource::resource;
pub(crate) use traces::TraceProvider;
