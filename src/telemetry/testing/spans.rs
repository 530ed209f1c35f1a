//! Spans that have ended, as plain values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{SpanId, Status};
use opentelemetry::{Context, KeyValue, trace};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::model::string_enum::string_enum;
use crate::record::sync::lock;

/// A sampled span that has ended, with ids and values as text.
///
/// ```
/// use vantage_obs::testing::{SpanKind, TestTelemetry};
/// use vantage_obs::trace::Carrier;
///
/// let test = TestTelemetry::new();
/// let telemetry = test.telemetry();
/// let job = telemetry.worker("w1").start("publish_post", test.clock().wall(), &Carrier::EMPTY);
/// job.in_scope(|| telemetry.database("sqlite").query("SELECT", "posts").fail("timeout"));
/// job.succeed();
/// let query = test.span("SELECT posts");
/// assert_eq!(query.kind, SpanKind::Client);
/// assert_eq!(query.attribute("db.collection.name"), Some("posts"));
/// assert_eq!(query.error_type(), Some("timeout"));
/// query.assert_child_of(&test.span("publish_post"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedSpan {
    /// The name, such as `GET /orders/{id}`.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// The id of its trace: 32 digits, as log lines have it.
    pub trace_id: String,
    /// Its own id: 16 digits.
    pub span_id: String,
    /// The id of its parent; `None` where the trace begins with it.
    pub parent_id: Option<String>,
    /// True for a parent in another process, or in a queue.
    pub has_remote_parent: bool,
    /// The attributes in the order in which they were set: `200`, `true` and `card` as text.
    pub attributes: Vec<(String, String)>,
    /// Its verdict.
    pub status: SpanStatus,
    /// The events in it, such as warnings that were logged.
    pub events: Vec<RecordedEvent>,
    /// The spans of other traces that it belongs to.
    pub links: Vec<RecordedLink>,
    error_message: Option<String>,
    /// The spans among which the parent is looked up.
    all: FinishedSpans,
}

/// The role of a span in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// Work within the process.
    Internal,
    /// A request that was received.
    Server,
    /// A request to another service or a database.
    Client,
    /// A message that was put into a queue.
    Producer,
    /// A message that was taken out of a queue.
    Consumer,
}

string_enum!(pub SpanKind {
    Internal: "internal",
    Server: "server",
    Client: "client",
    Producer: "producer",
    Consumer: "consumer",
});

/// The verdict on a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanStatus {
    /// None: nothing failed.
    Unset,
    /// Said to have gone well.
    Ok,
    /// Failed.
    Error,
}

string_enum!(pub SpanStatus {
    Unset: "unset",
    Ok: "ok",
    Error: "error",
});

/// An event in a span.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// The name, which of a log line is its message.
    pub name: String,
    /// The attributes, as those of a span.
    pub attributes: Vec<(String, String)>,
}

/// A link to a span of another trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedLink {
    /// The id of that trace.
    pub trace_id: String,
    /// The id of that span.
    pub span_id: String,
}

impl RecordedSpan {
    fn new(data: &SpanData, all: FinishedSpans) -> Self {
        let has_parent = data.parent_span_id != SpanId::INVALID;
        let events = data.events.iter().map(|event| RecordedEvent {
            name: event.name.to_string(),
            attributes: texts(&event.attributes),
        });
        let links = data.links.iter().map(|link| RecordedLink {
            trace_id: link.span_context.trace_id().to_string(),
            span_id: link.span_context.span_id().to_string(),
        });
        Self {
            name: data.name.to_string(),
            kind: match data.span_kind {
                trace::SpanKind::Internal => SpanKind::Internal,
                trace::SpanKind::Server => SpanKind::Server,
                trace::SpanKind::Client => SpanKind::Client,
                trace::SpanKind::Producer => SpanKind::Producer,
                trace::SpanKind::Consumer => SpanKind::Consumer,
            },
            trace_id: data.span_context.trace_id().to_string(),
            span_id: data.span_context.span_id().to_string(),
            parent_id: has_parent.then(|| data.parent_span_id.to_string()),
            has_remote_parent: data.parent_span_is_remote,
            attributes: texts(&data.attributes),
            status: match data.status {
                Status::Unset => SpanStatus::Unset,
                Status::Ok => SpanStatus::Ok,
                Status::Error { .. } => SpanStatus::Error,
            },
            error_message: match &data.status {
                Status::Error { description } if !description.is_empty() => {
                    Some(description.to_string())
                }
                _ => None,
            },
            events: events.collect(),
            links: links.collect(),
            all,
        }
    }

    /// Returns the value of an attribute as text; `None` where it was not set.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        // The last one counts, as for whoever receives it.
        let mut attributes = self.attributes.iter().rev();
        let found = attributes.find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the attribute `error.type`: the class of what went wrong.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.attribute("error.type")
    }

    /// Returns the text of the error that the span failed with, which is the description of its status; `None` where
    /// it has none.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.error_message.as_deref()
    }

    /// Returns whether the span has failed. A request that its client gave up has an
    /// [`error_type`](Self::error_type) and has not failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.status == SpanStatus::Error
    }

    /// Returns the parent, where that is a span of the same telemetry that has ended.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.parent_id.as_deref()?;
        self.all.find(&self.trace_id, parent)
    }

    /// Asserts that the other span is the parent of this one.
    ///
    /// # Panics
    ///
    /// When it is not, with the names of the spans above this one.
    #[track_caller]
    pub fn assert_child_of(&self, parent: &Self) {
        let is_child = self.trace_id == parent.trace_id
            && self.parent_id.as_deref() == Some(parent.span_id.as_str());
        assert!(is_child, "{}", self.explain_place("a child", parent));
    }

    /// Asserts that the other span is above this one: its parent, or the parent of that, and so on.
    ///
    /// # Panics
    ///
    /// When it is not, with the names of the spans above this one.
    #[track_caller]
    pub fn assert_descendant_of(&self, ancestor: &Self) {
        let is_below = self.ancestors().any(|one| one == *ancestor);
        assert!(is_below, "{}", self.explain_place("a descendant", ancestor));
    }

    /// Returns the spans above it, from its parent on.
    fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    fn explain_place(&self, relation: &str, other: &Self) -> String {
        let names: Vec<_> = self.ancestors().map(|span| span.name).collect();
        let above = match (names.is_empty(), &self.parent_id) {
            (false, _) => format!("above it is {}", names.join(", and above that ")),
            (true, None) => "it has no parent".to_owned(),
            (true, Some(parent)) => format!("its parent {parent} is none of the finished spans"),
        };
        let traces = match self.trace_id == other.trace_id {
            true => "",
            false => "; they are in different traces",
        };
        let (name, other) = (&self.name, &other.name);
        format!("the span {name} is not {relation} of {other}: {above}{traces}")
    }
}

/// A span is its ids: two with the same are one.
impl PartialEq for RecordedSpan {
    fn eq(&self, other: &Self) -> bool {
        self.span_id == other.span_id && self.trace_id == other.trace_id
    }
}

impl Eq for RecordedSpan {}

impl fmt::Debug for RecordedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedSpan")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("trace_id", &self.trace_id)
            .field("span_id", &self.span_id)
            .field("parent_id", &self.parent_id)
            .field("status", &self.status)
            .field("error_message", &self.error_message)
            .field("attributes", &self.attributes)
            .field("events", &self.events)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let attributes = attributes.iter();
    let texts = attributes.map(|one| (one.key.to_string(), one.value.to_string()));
    texts.collect()
}

/// Keeps sampled spans that have ended, and the names of those that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct FinishedSpans(Arc<Mutex<Spans>>);

#[derive(Debug, Default)]
struct Spans {
    finished: Vec<SpanData>,
    /// The names that they began with.
    open: BTreeMap<[u8; 8], String>,
}

impl FinishedSpans {
    pub(super) fn all(&self) -> Vec<RecordedSpan> {
        let spans = lock(&self.0);
        let spans = spans.finished.iter();
        spans.map(|span| self.recorded(span)).collect()
    }

    pub(super) fn data(&self) -> Vec<SpanData> {
        lock(&self.0).finished.clone()
    }

    /// Returns the one span of a name, or what there is instead.
    pub(super) fn named(&self, name: &str) -> Result<RecordedSpan, String> {
        let spans = lock(&self.0);
        let mut named = spans.finished.iter().filter(|span| span.name == name);
        match (named.next(), named.count()) {
            (Some(span), 0) => Ok(self.recorded(span)),
            (Some(_), more) => Err(format!(
                "{} spans have the name {name}; `spans` has all of them",
                more + 1
            )),
            (None, _) => Err(spans.explain_none(name)),
        }
    }

    fn find(&self, trace_id: &str, span_id: &str) -> Option<RecordedSpan> {
        let spans = lock(&self.0);
        let found = spans.finished.iter().find(|span| {
            let ids = &span.span_context;
            ids.span_id().to_string() == span_id && ids.trace_id().to_string() == trace_id
        });
        found.map(|span| self.recorded(span))
    }

    fn recorded(&self, data: &SpanData) -> RecordedSpan {
        RecordedSpan::new(data, self.clone())
    }
}

impl Spans {
    fn explain_none(&self, name: &str) -> String {
        let finished = self.finished.iter().map(|span| span.name.as_ref());
        let open = self.open.values().map(String::as_str);
        let list = |names: Vec<&str>| match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        format!(
            "no span has ended that has the name {name}. Ended: {}. Still open: {}; the span of a request ends with the body of its response",
            list(finished.collect()),
            list(open.collect())
        )
    }
}

impl SpanProcessor for FinishedSpans {
    fn on_start(&self, span: &mut Span, _: &Context) {
        let Some(data) = span.exported_data() else {
            return;
        };
        if data.span_context.is_sampled() {
            let id = data.span_context.span_id().to_bytes();
            lock(&self.0).open.insert(id, data.name.to_string());
        }
    }

    fn on_end(&self, span: SpanData) {
        let mut spans = lock(&self.0);
        spans.open.remove(&span.span_context.span_id().to_bytes());
        if span.span_context.is_sampled() {
            spans.finished.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
