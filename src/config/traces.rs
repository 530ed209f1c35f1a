//! Configuration of traces.
//!
//! Sampling is decided at the head of a trace, by its first process; the others follow, so that a
//! trace is kept whole or not at all.

use std::collections::BTreeMap;

use super::batch::BatchConfig;
use super::checks::{each_entry, ratio};
use super::field_value::config_enum;
use super::log_levels::LogLevels;
use super::setting::section;

section! {
    /// The sampling of traces, and their propagation between processes.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.traces.sample_ratio = 0.05;
    /// config.traces.routes.insert("/posts/{id}".into(), 1.0);
    /// let traces = config.resolve(&Environment::empty())?.config.traces;
    /// assert_eq!((traces.sample_ratio, traces.routes["/posts/{id}"]), (0.05, 1.0));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct TracesConfig {
        /// Turns spans on. Default: true. They leave the process once an OTLP endpoint is set.
        pub enabled: bool = true;
        /// The share of new traces that is kept, 0 to 1. Default: 0.1, because one trace in ten shows
        /// what is slow, and all of them cost more than the service. Samplers without a ratio
        /// ignore it.
        pub sample_ratio: f64 = 0.1, ratio;
        /// The sampling decision. Default: that of the caller where there is one, else the ratio, so that no
        /// trace has holes.
        pub sampler: TraceSampler = TraceSampler::ParentBasedTraceIdRatio;
        /// The formats of a trace in headers and job carriers. Default: W3C trace context and baggage. An
        /// empty list: every process starts its own traces.
        pub propagators: Vec<Propagator> = vec![Propagator::TraceContext, Propagator::Baggage];
        /// The share of new traces that is kept for a route, 0 to 1, by its template, such as
        /// `/posts/{id}`; it stands in for `sample_ratio` there. A route at 0 has no span at all, not
        /// even in a trace that the caller keeps. The SDK's own routes are at 0 from the start.
        /// Default: none.
        pub routes: BTreeMap<String, f64>, each_entry(ratio);
        /// The least severe `tracing` spans that become spans of a trace, by module where that is wanted.
        /// Default: info.
        pub level: LogLevels;
        /// The queue of spans before their export.
        pub batch: BatchConfig;
    }
}

/// The sampling decision for a trace, by OpenTelemetry's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TraceSampler {
    /// Every trace.
    AlwaysOn,
    /// No trace.
    AlwaysOff,
    /// The ratio, whatever the caller decided.
    TraceIdRatio,
    /// The caller; every trace that starts here.
    ParentBasedAlwaysOn,
    /// The caller; no trace that starts here.
    ParentBasedAlwaysOff,
    /// The caller; the ratio for traces that start here.
    ParentBasedTraceIdRatio,
}

config_enum!(TraceSampler {
    AlwaysOn: "always_on",
    AlwaysOff: "always_off",
    TraceIdRatio: "traceidratio",
    ParentBasedAlwaysOn: "parentbased_always_on",
    ParentBasedAlwaysOff: "parentbased_always_off",
    ParentBasedTraceIdRatio: "parentbased_traceidratio",
});

/// A format in which context travels between processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagator {
    /// W3C trace context: `traceparent` and `tracestate`.
    TraceContext,
    /// W3C baggage.
    Baggage,
}

config_enum!(Propagator {
    TraceContext: "tracecontext",
    Baggage: "baggage"
});
