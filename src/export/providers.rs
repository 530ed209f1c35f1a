//! The OpenTelemetry pipelines: providers of meters, tracers and loggers, built from the
//! configuration.

#[cfg(feature = "otlp")]
mod logs;
mod metrics;
mod resource;
mod traces;

#[cfg(feature = "otlp")]
pub(crate) use logs::LogProvider;
pub(crate) use metrics::MetricProvider;
pub(crate) use resource::resource;
pub(crate) use traces::TraceProvider;
