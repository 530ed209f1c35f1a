//! Traces: who decides about them, and where finished spans go.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{
    Sampler as Sdk, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample, SpanProcessor,
};

use crate::config::{self, Propagator, Sampler};
use crate::record::trace::{Formats, OwnRatio, Tracing};

/// The provider of our own tracer and of the user's.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracing: Tracing,
}

impl Traces {
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
            .with_sampler(Decide {
                sampler: settings.sampler,
                ratio: settings.sample_ratio,
            });
        let provider = match processor {
            Some(processor) => builder.with_span_processor(Boxed(processor)),
            None => builder,
        }
        .build();
        let enabled = settings.enabled && !config.disabled;
        let tracer = enabled.then(|| provider.tracer_with_scope(scope()));
        let tracing = Tracing::new(tracer, formats(&settings.propagators));
        Self { provider, tracing }
    }

    /// Makes the crate's own spans.
    pub(crate) const fn tracing(&self) -> &Tracing {
        &self.tracing
    }

    /// A tracer for spans that others make.
    pub(crate) fn tracer(&self) -> Option<SdkTracer> {
        self.tracing
            .is_enabled()
            .then(|| self.provider.tracer_with_scope(scope()))
    }

    pub(crate) const fn provider(&self) -> &SdkTracerProvider {
        &self.provider
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("vantage-obs")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

fn formats(propagators: &[Propagator]) -> Formats {
    let has = |format| propagators.contains(&format);
    Formats {
        trace_context: has(Propagator::TraceContext).then(TraceContextPropagator::new),
        baggage: has(Propagator::Baggage).then(BaggagePropagator::new),
    }
}

/// The configured sampler, with the ratio of a route in place of the general one.
#[derive(Clone, Debug)]
struct Decide {
    sampler: Sampler,
    ratio: f64,
}

impl ShouldSample for Decide {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let own = parent.and_then(|context| context.get::<OwnRatio>());
        let own = own.map(|own| own.0);
        let ratio = || Sdk::TraceIdRatioBased(own.unwrap_or(self.ratio));
        let kept_by_parent = parent
            .map(|context| context.span().span_context().clone())
            .filter(opentelemetry::trace::SpanContext::is_valid)
            .map(|parent| {
                if parent.is_sampled() {
                    Sdk::AlwaysOn
                } else {
                    Sdk::AlwaysOff
                }
            });
        let sampler = match self.sampler {
            // What is never traced isn't, whoever else decides.
            _ if own == Some(0.0) => Sdk::AlwaysOff,
            Sampler::AlwaysOn => Sdk::AlwaysOn,
            Sampler::AlwaysOff => Sdk::AlwaysOff,
            Sampler::TraceIdRatio => ratio(),
            Sampler::ParentBasedAlwaysOn => kept_by_parent.unwrap_or(Sdk::AlwaysOn),
            Sampler::ParentBasedAlwaysOff => kept_by_parent.unwrap_or(Sdk::AlwaysOff),
            Sampler::ParentBasedTraceIdRatio => kept_by_parent.unwrap_or_else(ratio),
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// The SDK takes processors by their type only.
#[derive(Debug)]
struct Boxed(Box<dyn SpanProcessor>);

impl SpanProcessor for Boxed {
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
