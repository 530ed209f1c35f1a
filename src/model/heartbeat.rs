//! The heartbeat message: worker id, lifecycle state, progress.
//!
//! Beats carry progress, because a process that only says that it is there may still do nothing.

#[cfg(feature = "axum")]
mod fields;
#[cfg(feature = "otlp")]
mod json;
#[cfg(feature = "axum")]
mod parse;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(feature = "axum")]
pub(crate) use fields::BeatParseError;

/// The maximum interval in milliseconds: a day.
#[cfg(any(feature = "axum", feature = "otlp"))]
const MAX_INTERVAL_MS: u64 = 86_400_000;

/// The id of a worker or scheduler: 1 to 128 of `A–Z a–z 0–9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BeatId(Arc<str>);

/// The role of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BeatRole {
    Worker,
    Scheduler,
}

/// The lifecycle state of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LifecycleState {
    Running,
    /// It takes no more work and ends what it has.
    Draining,
    /// It says goodbye.
    Stopped,
}

/// One beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Id of one start of the sender, so that a restart is seen.
    pub(crate) boot_id: Arc<str>,
    /// Counts the beats of a boot, so that an old one is seen.
    pub(crate) sequence: u64,
    pub(crate) role: BeatRole,
    pub(crate) interval: Duration,
    pub(crate) state: LifecycleState,
    /// By the sender's clock.
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) progress: BeatProgress,
}

/// The progress of the sender's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BeatProgress {
    /// Jobs that are running.
    pub(crate) in_flight: u64,
    /// Running jobs that have passed their objective's threshold, and were counted as bad then.
    pub(crate) in_flight_overdue: u64,
    /// Jobs that ended since the sender started, however.
    pub(crate) processed_total: u64,
    /// Ended jobs that did not succeed.
    pub(crate) failed_total: u64,
    /// The time at which a job started or ended last, by the sender's clock.
    pub(crate) last_progress_at: Option<Timestamp>,
    /// The run time of the oldest running job.
    pub(crate) oldest_in_flight: Option<Duration>,
    /// Jobs that wait; `None` where the sender watches no queue.
    pub(crate) queue_depth: Option<u64>,
}

impl BeatRole {
    pub(crate) const ALL: [Self; 2] = [Self::Worker, Self::Scheduler];

    /// Returns the name in JSON: `worker` or `scheduler`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }
}

impl LifecycleState {
    /// Returns the name in JSON: `running`, `draining` or `stopped`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for BeatRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for LifecycleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Beat {
    /// The interval of a beat that names none.
    pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
}

impl BeatProgress {
    /// Returns whether there is work in flight or waiting.
    pub(crate) fn has_work(&self) -> bool {
        self.in_flight > 0 || self.queue_depth.is_some_and(|depth| depth > 0)
    }

    /// Running jobs that nothing has counted as bad yet.
    pub(crate) const fn in_flight_within_threshold(&self) -> u64 {
        self.in_flight.saturating_sub(self.in_flight_overdue)
    }
}

impl BeatId {
    /// The accepted ids, for messages.
    pub(crate) const ALLOWED: &'static str = "1 to 128 of A-Z a-z 0-9 . _ : -";

    /// `None` where the text is no id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let fine = (1..=128).contains(&text.len()) && text.bytes().all(allowed);
        fine.then(|| Self(text.into()))
    }

    /// The text as an id: what is not allowed in one becomes `_`, and what is too long is cut.
    pub(crate) fn sanitize(text: &str) -> Self {
        let allowed = |c: &char| c.is_ascii_alphanumeric() || "._:-".contains(*c);
        let replaced = |c| if allowed(&c) { c } else { '_' };
        let id: String = text.chars().take(128).map(replaced).collect();
        Self(if id.is_empty() { "_".into() } else { id.into() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text without a copy.
    pub(crate) fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Serialize for BeatId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl TryFrom<String> for BeatId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(Self::ALLOWED)
    }
}

impl fmt::Display for BeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
