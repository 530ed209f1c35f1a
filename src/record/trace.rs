//! Spans, and how a trace crosses processes.
//!
//! Requests, jobs, executions and queries make their spans with the SDK's tracer and put them into
//! the current OpenTelemetry context; `tracing` spans inside become their children. That costs a
//! third of making them as `tracing` spans, and a trace that isn't sampled costs next to nothing.
//!
//! A trace goes with an HTTP call in its headers, see [`Telemetry::http_call`](crate::Telemetry::http_call), and
//! with a job in a [`Carrier`]:
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use std::time::SystemTime;
//! use vantage_obs::testing::TestTelemetry;
//! use vantage_obs::trace::Carrier;
//!
//! let test = TestTelemetry::new();
//! let telemetry = test.telemetry();
//! // In the API: into the queue, beside the job.
//! let queued = serde_json::to_string(&telemetry.carrier()).unwrap();
//! // In the worker: the job's span continues the trace of the request.
//! let carrier: Carrier = serde_json::from_str(&queued).unwrap();
//! let job = telemetry.worker("w1").start("publish_post", SystemTime::now(), &carrier);
//! job.in_scope(|| tracing::info!("a log line with the trace of the request"));
//! job.succeed();
//! # }
//! ```
//!
//! | trace of the parent | what `start` makes |
//! |---|---|
//! | none, or remote | a span, kept as the sampler decides |
//! | local and kept | a child that is kept |
//! | local and not kept | nothing: the parent's context goes on |

mod carrier;
mod traced;
mod w3c;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanId, SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::BaggagePropagator;
use opentelemetry_sdk::trace::SdkTracer;

pub use carrier::{Carrier, Link, Parent};
pub use traced::Traced;

const BAGGAGE: &str = "baggage";

/// Makes the spans of the crate. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` where traces are off.
    tracer: Option<SdkTracer>,
    propagators: Propagators,
}

/// The formats in which a trace crosses processes.
#[derive(Debug, Default)]
pub(crate) struct Propagators {
    /// W3C Trace Context.
    pub(crate) trace_context: bool,
    /// `None` where the propagator is not configured.
    pub(crate) baggage: Option<BaggagePropagator>,
}

/// The share of new traces that is kept, in the context of a span that has one of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleRatioOverride(pub(crate) f64);

/// A span that is under way, in a context for what happens inside it. Without a tracer it is the
/// context alone.
#[derive(Clone)]
pub(crate) struct SpanScope {
    context: Context,
    /// The span is the crate's and sampled: asking the span itself takes its lock each time.
    /// Every method below asks it first: for an unsampled span all of them are one comparison.
    recording: bool,
}

/// The ids of a span whose trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampledSpan {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
}

impl SampledSpan {
    /// Returns the ids of the current span, where its trace is kept.
    pub(crate) fn current() -> Option<Self> {
        Context::map_current(|context| {
            let span = context.span();
            let ids = span.span_context();
            ids.is_sampled().then(|| Self {
                trace: ids.trace_id(),
                span: ids.span_id(),
            })
        })
    }
}

impl Tracer {
    /// Without a tracer nothing is traced, and what came from outside is passed on.
    pub(crate) fn new(tracer: Option<SdkTracer>, propagators: Propagators) -> Self {
        Self(Arc::new(Inner {
            tracer,
            propagators,
        }))
    }

    /// Returns `true` if spans are recorded at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.tracer.is_some()
    }

    /// Starts a span below `parent`.
    pub(crate) fn start(
        &self,
        parent: Context,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        links: Vec<opentelemetry::trace::Link>,
    ) -> SpanScope {
        let tracer = self.0.tracer.as_ref();
        let Some(tracer) = tracer.filter(|_| !is_unsampled_local(&parent)) else {
            return SpanScope {
                context: parent,
                recording: false,
            };
        };
        // No attributes at the start: samplers here decide by parent, ratio and id, so that
        // attributes are made only for spans that are kept.
        let mut builder = SpanBuilder::from_name(name).with_kind(kind);
        if !links.is_empty() {
            builder = builder.with_links(links);
        }
        let span = tracer.build_with_context(builder, &parent);
        SpanScope {
            recording: span.is_recording(),
            context: parent.with_span(span),
        }
    }

    /// The context that came in with these fields, on top of the current one.
    pub(crate) fn extract(&self, fields: &dyn Extractor) -> Context {
        let Propagators {
            trace_context,
            baggage,
        } = &self.0.propagators;
        let mut context = Context::current();
        // A malformed `traceparent` is as good as none: a new trace begins, as the specification
        // has it.
        if *trace_context && let Some(extracted) = w3c::extract(&context, fields) {
            context = extracted;
        }
        if let Some(format) = baggage
            && let Some(values) = fields.get_all(BAGGAGE)
        {
            // The SDK's propagator is fine here; it only reads one header.
            context = format.extract_with_context(&context, &JoinedBaggage::from_values(&values));
        }
        context
    }

    /// Writes a context into fields that go out.
    pub(crate) fn inject(&self, context: &Context, fields: &mut dyn Injector) {
        let Propagators {
            trace_context,
            baggage,
        } = &self.0.propagators;
        if *trace_context {
            w3c::inject(context, fields);
        }
        if let Some(format) = baggage {
            format.inject_context(context, fields);
        }
    }
}

impl SpanScope {
    /// The context for what happens inside.
    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    /// Runs `work` inside the span.
    pub(crate) fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        let _guard = self.context.clone().attach();
        work()
    }

    /// Names the span, where it is kept.
    pub(crate) fn rename(&self, name: impl FnOnce() -> String) {
        if self.recording {
            self.context.span().update_name(name());
        }
    }

    /// Adds attributes, which are made only for a span that is kept.
    pub(crate) fn set_attributes<A: IntoIterator<Item = KeyValue>>(
        &self,
        attributes: impl FnOnce() -> A,
    ) {
        if self.recording {
            self.context.span().set_attributes(attributes());
        }
    }

    /// Returns `true` if the span is kept.
    pub(crate) const fn is_recording(&self) -> bool {
        self.recording
    }

    /// Marks the span as failed, with the class of the error.
    pub(crate) fn fail(&self, error_type: &str) {
        self.fail_with(error_type, "");
    }

    /// Marks the span as failed, with the class of the error and its text:
    /// <https://opentelemetry.io/docs/specs/semconv/general/recording-errors/#recording-errors-on-spans> (1.45).
    pub(crate) fn fail_with(&self, error_type: &str, message: impl Into<Cow<'static, str>>) {
        self.set_error_type(error_type);
        if self.recording {
            self.context.span().set_status(Status::error(message));
        }
    }

    /// Sets the reason of a span that ended early without a failure of this process.
    pub(crate) fn set_error_type(&self, reason: &str) {
        self.set_attributes(|| [KeyValue::new("error.type", reason.to_owned())]);
    }

    /// Marks a moment in the span.
    #[cfg(any(feature = "deadpool", feature = "sqlx"))]
    pub(crate) fn add_event(&self, name: &'static str) {
        if self.recording {
            self.context.span().add_event(name, Vec::new());
        }
    }

    /// Ends the span now. It ends by itself with its last clone.
    ///
    /// Ending twice is harmless: the SDK ignores the second.
    pub(crate) fn end(&self) {
        if self.recording {
            self.context.span().end();
        }
    }

    /// The span's ids, where the trace is kept.
    pub(crate) fn sampled(&self) -> Option<SampledSpan> {
        if !self.recording {
            return None;
        }
        let span = self.context.span();
        let ids = span.span_context();
        Some(SampledSpan {
            trace: ids.trace_id(),
            span: ids.span_id(),
        })
    }
}

/// Runs a future outside of any trace: what is called and logged in it makes no spans, whatever sampler is set, and
/// has its metrics and lines all the same.
///
/// For what a loop asks again and again, such as the query that looks for work, which would be a trace of its own
/// each time. Calls belong to the trace in which they are made and not to that in which they are awaited, so that
/// they are made in an `async` block:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::trace::untraced;
///
/// # let test = TestTelemetry::new();
/// let database = test.telemetry().database("postgresql");
/// # async fn next_job() -> Result<Option<u64>, std::io::Error> { Ok(None) }
/// let job = untraced(async { database.run("UPDATE", "jobs", next_job()).await }).await?;
/// assert_eq!(job, None);
/// assert!(test.spans().is_empty());
/// test.assert_sum("db_client_operation_duration_seconds_count", &[("db_collection_name", "jobs")], 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn untraced<F>(future: F) -> Traced<F> {
    Traced::new(future, Context::new().with_value(SampleRatioOverride(0.0)))
}

/// Returns `true` if the trace began in this process and is not sampled: what happens inside it
/// needs no spans.
fn is_unsampled_local(context: &Context) -> bool {
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid() && !ids.is_sampled() && !ids.is_remote()
}

impl fmt::Debug for SpanScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpanScope")
            .field(self.context.span().span_context())
            .finish()
    }
}

/// The baggage of all its headers as one, because the SDK's propagator reads the first alone.
struct JoinedBaggage(String);

impl JoinedBaggage {
    /// Joins the lines of the header, with the properties of entries as they stand.
    ///
    /// The SDK's propagator decodes properties and sends them on decoded: a `%2C` in one would make a second entry
    /// of it, and a `%0A` would cost all of them. What is encoded once more is decoded to what stood there.
    fn from_values(values: &[&str]) -> Self {
        let entries = values.iter().flat_map(|value| value.split(','));
        let entries = entries.map(|entry| match entry.split_once(';') {
            Some((pair, properties)) => {
                // Of a carrier that was no header they may be any text.
                let properties = properties.replace(|c: char| !matches!(c, '\t' | ' '..='~'), "");
                format!("{pair};{}", properties.replace('%', "%25"))
            }
            None => entry.to_owned(),
        });
        Self(entries.collect::<Vec<_>>().join(","))
    }
}

impl Extractor for JoinedBaggage {
    fn get(&self, key: &str) -> Option<&str> {
        (key == BAGGAGE).then_some(&self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![BAGGAGE]
    }
}

/// Headers as the propagators read them.
pub(crate) struct HeaderExtractor<'a>(pub(crate) &'a http::HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    /// A value that is not text is one nevertheless, and spoils what it belongs to.
    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.get_all(key).iter();
        // A NUL is valid in no format, so that the whole value is refused and not half of it read.
        let texts: Vec<_> = values.map(|value| value.to_str().unwrap_or("\0")).collect();
        (!texts.is_empty()).then_some(texts)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
