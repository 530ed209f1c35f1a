//! The state of a process as its development page shows it, as JSON between processes.
//!
//! Written by a service at `/dev.json`, and read by the page: that of the service itself, and that of the command,
//! which shows several. Missing members have defaults, so that both may be of different releases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A process, with its latest spans and log lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevProcess {
    pub(crate) service: String,
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) pid: u32,
    /// RFC 3339.
    pub(crate) started_at: String,
    pub(crate) taken_at: String,
    /// `pass`, `warn` or `fail`.
    pub(crate) health: String,
    pub(crate) ready: bool,
    /// False where `traces.enabled` is: then there are no spans, and no operations made of them.
    pub(crate) traced: bool,
    pub(crate) operations: Vec<DevOperation>,
    pub(crate) workers: Vec<DevWorker>,
    pub(crate) checks: Vec<DevCheck>,
    pub(crate) objectives: Vec<DevObjective>,
    /// Oldest first, by their ends.
    pub(crate) spans: Vec<DevSpan>,
    /// Oldest first.
    pub(crate) lines: Vec<DevLine>,
}

/// The spans of one name: a route, a kind of job, a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevOperation {
    pub(crate) kind: DevSpanKind,
    pub(crate) name: String,
    /// Since the process started.
    pub(crate) total: u64,
    pub(crate) errors: u64,
    /// The number of the latest spans, which the figures below are of.
    pub(crate) recent: u64,
    pub(crate) recent_errors: u64,
    /// Per second, over the last minute.
    pub(crate) rate: f64,
    pub(crate) p50_us: u64,
    pub(crate) p95_us: u64,
}

/// The kinds of spans, as OpenTelemetry has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DevSpanKind {
    Server,
    Consumer,
    Producer,
    Client,
    #[default]
    #[serde(other)]
    Internal,
}

/// A worker or scheduler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevWorker {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) age_ms: Option<u64>,
    pub(crate) in_flight: u64,
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    pub(crate) queue_depth: Option<u64>,
}

/// A health check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevCheck {
    pub(crate) id: String,
    /// `pass`, `warn` or `fail`.
    pub(crate) status: String,
    pub(crate) code: String,
    pub(crate) criticality: String,
    pub(crate) age_ms: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
}

/// An objective, in words and figures for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevObjective {
    pub(crate) id: String,
    pub(crate) target: String,
    /// Per cent; `None` where nothing was counted.
    pub(crate) sli: Option<String>,
    pub(crate) budget_left: Option<String>,
    pub(crate) data: String,
    /// `none`, `warning`, `critical` or `frozen`.
    pub(crate) alert: String,
}

/// A finished span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevSpan {
    pub(crate) trace: String,
    pub(crate) span: String,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: DevSpanKind,
    /// Microseconds since 1970.
    pub(crate) start_us: u64,
    pub(crate) duration_us: u64,
    pub(crate) failed: bool,
    /// The text of its error; empty where none is known.
    pub(crate) error: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) events: Vec<DevEvent>,
    /// The traces that it is linked to.
    pub(crate) links: Vec<String>,
}

impl DevSpan {
    /// Returns `true` for a call that is part of nothing, as that of a loop that polls a table.
    pub(crate) fn is_call_alone(&self) -> bool {
        self.kind == DevSpanKind::Client && self.parent.is_empty()
    }
}

/// An event of a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevEvent {
    pub(crate) name: String,
    /// Microseconds since 1970.
    pub(crate) at_us: u64,
    pub(crate) attributes: Vec<(String, String)>,
}

/// A log line, with the members that lines in JSON have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DevLine {
    pub(crate) timestamp: String,
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, Value>,
}
