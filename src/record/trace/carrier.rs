use std::collections::BTreeMap;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt as _;
use serde::{Deserialize, Serialize};

use super::Tracer;

/// A trace on its way through a queue: a few short strings, `{"traceparent":"00-…"}` as JSON.
///
/// Put it beside the job, in whatever the queue stores; an empty one, and one that another version
/// wrote, is as good as none. Its fields are those of W3C trace context and baggage.
///
/// ```
/// use vantage_obs::trace::Carrier;
///
/// let stored = r#"{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
/// let carrier: Carrier = serde_json::from_str(stored)?;
/// assert!(!carrier.is_empty());
/// assert_eq!(serde_json::to_string(&carrier)?, stored);
/// assert_eq!(serde_json::to_string(&Carrier::EMPTY)?, "{}");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// A map of texts, and not a struct of fields: formats may be added, and a carrier in a queue
/// outlives the release that wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Carrier(BTreeMap<String, String>);

/// A trace that a job has to do with and doesn't continue: see [`Carrier::link`].
#[derive(Clone, Copy, Debug)]
pub struct Link<'a>(&'a Carrier);

/// The origin of a job or an execution.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Parent<'a> {
    /// It goes on with this trace; with an empty carrier, with the current one.
    Continues(&'a Carrier),
    /// It begins a trace of its own that points to this one.
    LinksTo(&'a Carrier),
}

impl Carrier {
    /// No trace.
    pub const EMPTY: Self = Self(BTreeMap::new());

    pub(crate) fn from_context(tracer: &Tracer, context: &Context) -> Self {
        let mut carrier = Self::default();
        tracer.inject(context, &mut carrier);
        carrier
    }

    /// Returns `true` if it holds no trace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a link for a job that is to have a trace of its own: when it runs long after the
    /// request, or works for many of them.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let worker = test.telemetry().worker("w1");
    /// let requested = worker.start("request", test.clock().wall(), &Default::default());
    /// let queued = requested.carrier();
    /// requested.succeed();
    /// worker.start("nightly_batch", test.clock().wall(), queued.link()).succeed();
    /// let (request, batch) = (test.span("request"), test.span("nightly_batch"));
    /// assert_ne!(batch.trace_id, request.trace_id);
    /// assert_eq!(batch.links[0].trace_id, request.trace_id);
    /// # }
    /// ```
    #[must_use]
    pub const fn link(&self) -> Link<'_> {
        Link(self)
    }
}

impl<'a> From<&'a Carrier> for Parent<'a> {
    fn from(carrier: &'a Carrier) -> Self {
        Self::Continues(carrier)
    }
}

impl<'a> From<Link<'a>> for Parent<'a> {
    fn from(Link(carrier): Link<'a>) -> Self {
        Self::LinksTo(carrier)
    }
}

impl Parent<'_> {
    /// The context to start in, and what the span links to.
    pub(crate) fn resolve(self, tracer: &Tracer) -> (Context, Vec<opentelemetry::trace::Link>) {
        match self {
            Self::Continues(carrier) => (tracer.extract(carrier), Vec::new()),
            Self::LinksTo(carrier) => {
                // Extracted for its ids alone.
                let context = tracer.extract(carrier);
                let span = context.span().span_context().clone();
                let links = [span]
                    .into_iter()
                    .filter(opentelemetry::trace::SpanContext::is_valid);
                let links = links.map(opentelemetry::trace::Link::with_context);
                // An empty context: what is current here has nothing to do with the job.
                (Context::new(), links.collect())
            }
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` would only make the carrier longer.
        if !value.is_empty() {
            self.0.insert(key.to_owned(), value);
        }
    }
}
