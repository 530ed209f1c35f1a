//! Traces: who decides about them, and where finished spans go.
//!
//! | sampler | a caller's decision | a new trace |
//! |---|---|---|
//! | `always_on`, `always_off` | ignored | all, none |
//! | `traceidratio` | ignored | the ratio |
//! | `parentbased_…` | followed | as the rest of the name says |
//!
//! A route with a ratio of its own replaces the general one; 0 is stronger than a caller.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::BaggagePropagator;
use opentelemetry_sdk::trace::{
    Sampler as SdkSampler, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample,
    SpanProcessor,
};

use super::resource::scope;
use crate::config::{self, Propagator, TraceSampler};
use crate::record::trace::{Propagators, SampleRatioOverride, Tracer};

/// The provider of our own tracer and of the user's.
#[derive(Clone, Debug)]
pub(crate) struct TraceProvider {
    provider: SdkTracerProvider,
    /// For spans of the crate; disabled where traces are off.
    tracer: Tracer,
}

impl TraceProvider {
    /// Without a processor spans have ids and go nowhere: logs and other processes have use for
    /// them.
    pub(crate) fn new(
        config: &config::Config,
        resource: Resource,
        processor: Option<Box<dyn SpanProcessor>>,
    ) -> Self {
        let settings = &config.traces;
        let builder = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(ConfiguredSampler {
                sampler: match config.shows_dev() {
                    // The development page shows the trace of each request, and not of one of ten.
                    true => TraceSampler::AlwaysOn,
                    false => settings.sampler,
                },
                ratio: settings.sample_ratio,
            });
        // Sampling also without a processor: the decision goes to other processes in the headers.
        let provider = match processor {
            Some(processor) => builder.with_span_processor(BoxedProcessor(processor)),
            None => builder,
        }
        .build();
        let enabled = settings.enabled && !config.disabled;
        let sdk_tracer = enabled.then(|| provider.tracer_with_scope(scope()));
        let tracer = Tracer::new(sdk_tracer, propagators(&settings.propagators));
        Self { provider, tracer }
    }

    /// Makes the crate's own spans.
    pub(crate) const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// A tracer for spans that others make.
    pub(crate) fn sdk_tracer(&self) -> Option<SdkTracer> {
        self.tracer
            .is_enabled()
            .then(|| self.provider.tracer_with_scope(scope()))
    }

    pub(crate) const fn provider(&self) -> &SdkTracerProvider {
        &self.provider
    }
}

fn propagators(propagators: &[Propagator]) -> Propagators {
    let has = |format| propagators.contains(&format);
    Propagators {
        trace_context: has(Propagator::TraceContext),
        baggage: has(Propagator::Baggage).then(BaggagePropagator::new),
    }
}

/// The configured sampler, with the ratio of a route instead of the general one.
#[derive(Clone, Debug)]
struct ConfiguredSampler {
    sampler: TraceSampler,
    ratio: f64,
}

impl ShouldSample for ConfiguredSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let override_ratio = parent.and_then(|context| context.get::<SampleRatioOverride>());
        let override_ratio = override_ratio.map(|override_ratio| override_ratio.0);
        let ratio = || SdkSampler::TraceIdRatioBased(override_ratio.unwrap_or(self.ratio));
        let parent_decision = parent
            .map(|context| context.span().span_context().clone())
            .filter(opentelemetry::trace::SpanContext::is_valid)
            .map(|parent| {
                if parent.is_sampled() {
                    SdkSampler::AlwaysOn
                } else {
                    SdkSampler::AlwaysOff
                }
            });
        let sampler = match self.sampler {
            // What is never traced isn't, whoever else decides.
            _ if override_ratio == Some(0.0) => SdkSampler::AlwaysOff,
            TraceSampler::AlwaysOn => SdkSampler::AlwaysOn,
            TraceSampler::AlwaysOff => SdkSampler::AlwaysOff,
            TraceSampler::TraceIdRatio => ratio(),
            TraceSampler::ParentBasedAlwaysOn => parent_decision.unwrap_or(SdkSampler::AlwaysOn),
            TraceSampler::ParentBasedAlwaysOff => parent_decision.unwrap_or(SdkSampler::AlwaysOff),
            TraceSampler::ParentBasedTraceIdRatio => parent_decision.unwrap_or_else(ratio),
        };
        // The decision itself is the SDK's: its ratio sampler decides by the trace id, so that
        // every process with the same ratio decides alike.
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// The SDK takes processors by their type only.
#[derive(Debug)]
struct BoxedProcessor(Box<dyn SpanProcessor>);

impl SpanProcessor for BoxedProcessor {
    fn on_start(&self, span: &mut opentelemetry_sdk::trace::Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: opentelemetry_sdk::trace::SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(
        &self,
        timeout: std::time::Duration,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}
