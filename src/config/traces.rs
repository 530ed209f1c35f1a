//! Configuration of traces.

use std::collections::BTreeMap;

use serde::Serialize;

use super::batch::BatchConfig;
use super::field_value::string_enum;
use super::log_levels::LogLevels;
use super::reader::{SectionReader, join_path};
use super::validator::ConfigValidator;

/// The sampling of traces, and their propagation between processes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TracesConfig {
    /// Whether spans are made at all. Default: true. They leave the process once an OTLP endpoint
    /// is set.
    pub enabled: bool,
    /// The share of new traces that is kept, 0 to 1. Default: 0.1, because one trace in ten shows
    /// what is slow, and all of them cost more than the service. Samplers without a ratio don't
    /// look at it.
    pub sample_ratio: f64,
    /// Who decides about a trace. Default: the caller where there is one, else the ratio, so that
    /// no trace has holes.
    pub sampler: TraceSampler,
    /// How the trace travels in headers and job carriers. Default: W3C trace context and baggage.
    /// None at all: every process starts its own traces.
    pub propagators: Vec<Propagator>,
    /// The share of new traces that is kept for a route, 0 to 1, by its template, such as
    /// `/posts/{id}`; it stands in for `sample_ratio` there. A route at 0 has no span at all, not
    /// even in a trace that the caller keeps. Health and scrape routes are at 0 from the start.
    /// Default: none.
    pub routes: BTreeMap<String, f64>,
    /// The least severe `tracing` spans that become spans of a trace, by module where that is wanted.
    /// Default: info.
    pub level: LogLevels,
    /// How spans wait for their export.
    pub batch: BatchConfig,
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

string_enum!(TraceSampler {
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

string_enum!(Propagator {
    TraceContext: "tracecontext",
    Baggage: "baggage"
});

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            sample_ratio: 0.1,
            sampler: TraceSampler::ParentBasedTraceIdRatio,
            propagators: vec![Propagator::TraceContext, Propagator::Baggage],
            routes: BTreeMap::new(),
            level: LogLevels::default(),
            batch: BatchConfig::default(),
        }
    }
}

impl TracesConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("enabled", &mut self.enabled);
        section.read_field("sample_ratio", &mut self.sample_ratio);
        section.read_field("sampler", &mut self.sampler);
        section.read_list("propagators", &mut self.propagators);
        section.read_map("routes", str::to_owned, &mut self.routes);
        section.read_field("level", &mut self.level);
        section.read_section("batch", |section| self.batch.read(section));
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        let ratios = self.routes.iter();
        let ratios = ratios.map(|(route, ratio)| (join_path("traces.routes", route), *ratio));
        for (path, ratio) in ratios.chain([("traces.sample_ratio".into(), self.sample_ratio)]) {
            let fine = (0.0..=1.0).contains(&ratio);
            validator.require(fine, &path, ratio, "a number from 0 to 1");
        }
        self.batch.validate("traces.batch", validator);
    }
}
