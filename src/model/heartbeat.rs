//! The heartbeat message: worker id, lifecycle state, progress.
//!
//! Beats carry progress, because a process that only says that it is there may still do nothing.
//!
//! | in a beat | decides |
//! |---|---|
//! | `boot_id`, `sequence` | order: a new boot replaces the old one, an old beat of the same boot is ignored |
//! | `interval` | when the worker is late: two intervals after its last beat |
//! | `state` | goodbye, so that an intended end is no outage |
//! | `progress` | stalled: work in flight or waiting, and none of it ends |
//!
//! The receiver dates a beat by its own clock when it arrives. `sent_at` only serves to tell that
//! the sender's clock is off.

#[cfg(feature = "axum")]
mod fields;
#[cfg(feature = "otlp")]
mod json;
#[cfg(feature = "axum")]
mod parse;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(feature = "axum")]
pub(crate) use fields::BeatParseError;

/// The maximum interval in milliseconds: a day.
/// A worker that beats more seldom could not be told from a dead one within a day, and larger
/// numbers would only test the arithmetic of times.
#[cfg(any(feature = "axum", feature = "otlp"))]
const MAX_INTERVAL_MS: u64 = 86_400_000;

/// The id of a worker or scheduler, as its sender names it: 1 to 128 characters without white space and
/// control characters. Two texts that differ are two ids.
///
/// Cloning is cheap: the text is shared. The characters are those that need no escaping in a path
/// segment, a label or a log line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BeatId(Arc<str>);

/// The role of the sender.
///
/// Workers and schedulers have metrics and alerts of their own, but one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BeatRole {
    Worker,
    Scheduler,
}

/// The lifecycle state of the sender.
///
/// Declared by the sender. The states that the receiver derives (`late`, `offline`, `stalled`) are
/// not among them: a dead process can't declare those.
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
///
/// A beat is complete in itself: each one replaces all that was known of its worker, so that a lost
/// beat costs nothing but time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Id of one start of the sender, so that a restart is seen.
    /// Opaque; only equality counts.
    pub(crate) boot_id: Arc<str>,
    /// Counts the beats of a boot, so that an old one is seen.
    /// Starts anywhere and ascends within a boot; gaps are lost beats.
    pub(crate) sequence: u64,
    pub(crate) role: BeatRole,
    /// The time until the next beat, as the sender plans it.
    pub(crate) interval: Duration,
    pub(crate) state: LifecycleState,
    /// By the sender's clock.
    /// `None` where the sender doesn't say; its clock is then not compared.
    pub(crate) sent_at: Option<Timestamp>,
    /// The release of the sender, for people.
    pub(crate) version: Option<Arc<str>>,
    pub(crate) progress: BeatProgress,
}

/// The progress of the sender's work.
///
/// All counters are since the start of the sender, so that a lost beat loses no count.
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
    /// Saturating, because both numbers come from another process and may contradict each other.
    pub(crate) const fn in_flight_within_threshold(&self) -> u64 {
        self.in_flight.saturating_sub(self.in_flight_overdue)
    }
}

impl BeatId {
    /// The accepted ids, for messages.
    pub(crate) const ALLOWED: &'static str =
        "1 to 128 characters without white space and control characters, and neither . nor ..";

    /// `None` where the text is no id. The two that a path takes for a folder are none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| !c.is_control() && !c.is_whitespace();
        let fine = (1..=128).contains(&text.chars().count())
            && text.chars().all(allowed)
            && !matches!(text, "." | "..");
        fine.then(|| Self(text.into()))
    }

    /// Returns the id of a service's scheduler; `None` where it would be too long. What can't stand in an id is
    /// percent-encoded, and so are `%` and `:`, so that the names of two services or instances never become
    /// one id.
    pub(crate) fn of_scheduler(service: &str, instance: Option<&str>) -> Option<Self> {
        let keep = |c: char| !c.is_control() && !c.is_whitespace() && c != '%';
        let service = percent_encode(service, |c| keep(c) && c != ':');
        match instance.map(|instance| percent_encode(instance, keep)) {
            Some(instance) => Self::parse(&format!("{service}:{instance}")),
            None => Self::parse(&service),
        }
    }

    /// Returns the id as one segment of a path.
    #[cfg(feature = "otlp")]
    pub(crate) fn path_segment(&self) -> String {
        percent_encode(&self.0, |c| {
            c.is_ascii_alphanumeric() || "-._~:@".contains(c)
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text without a copy.
    pub(crate) fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Percent-encodes the characters that are not kept.
fn percent_encode(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) {
            encoded.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    encoded
}

impl Borrow<str> for BeatId {
    fn borrow(&self) -> &str {
        &self.0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_their_senders_have_and_two_are_never_one() {
        let ids = [
            "celery@host-1",
            "celery_host_1",
            "celery-host-1",
            "w1",
            "W1",
            "host:4711:queue,other",
            "ns/pod-0",
            "consumer#3",
            "a%20b",
            "a+b",
            "работник-1",
            "...",
        ];
        for id in ids {
            assert_eq!(BeatId::parse(id).unwrap().as_str(), id);
        }
        let long = "ж".repeat(128);
        assert!(BeatId::parse(&long).is_some());
        for bad in [
            "",
            " ",
            "a b",
            "a\tb",
            "a\u{a0}b",
            "a\n",
            "a\0",
            "\u{7f}",
            ".",
            "..",
            &(long + "ж"),
        ] {
            assert_eq!(BeatId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_of_services_and_instances_become_different_ids() {
        let id = |service, instance| BeatId::of_scheduler(service, instance).unwrap();
        assert_eq!(id("billing", None).as_str(), "billing");
        assert_eq!(id("billing", Some("pod-1:2")).as_str(), "billing:pod-1:2");
        assert_eq!(id("Post office", None).as_str(), "Post%20office");
        let ids = [
            id("a b", None),
            id("a_b", None),
            id("a%20b", None),
            id("a:b", None),
            id("a", Some("b")),
            id("a", Some("b c")),
            id("a", Some("b%20c")),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "{ids:?}");
        assert_eq!(BeatId::of_scheduler(&"x".repeat(129), None), None);
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn an_id_is_one_segment_of_a_path() {
        for (id, segment) in [
            ("celery@host-1", "celery@host-1"),
            ("ns/pod?x#y", "ns%2Fpod%3Fx%23y"),
            ("100%", "100%25"),
            ("ж", "%D0%B6"),
        ] {
            assert_eq!(BeatId::parse(id).unwrap().path_segment(), segment);
        }
    }
}
