//! The OpenTelemetry pipelines: providers of meters, tracers and loggers, built from the
//! configuration.

#[cfg(feature = "otlp")]
mod logs;
mod metrics;
mod resource;
mod traces;

#[cfg(feature = "otlp")]
pub(crate) use logs::Logs;
pub(crate) use metrics::Metrics;
pub(crate) use resource::of as resource;
pub(crate) use traces::Traces;
