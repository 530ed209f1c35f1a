//! A worker's row as bytes: its revision, which is compared without reading the rest, and JSON.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::heartbeat::{BeatId, Condition, Progress, Role};
use crate::store::WorkerRow;

/// A row that was read.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) row: WorkerRow,
}

/// A row as JSON. Times are text, because a number of nanoseconds has no room for all of them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json<'a> {
    role: Cow<'a, str>,
    boot_id: Option<Cow<'a, str>>,
    previous_boot_id: Option<Cow<'a, str>>,
    sequence: u64,
    registered_at: String,
    last_seen: Option<String>,
    progressed_at: Option<String>,
    interval_ns: u64,
    condition: Cow<'a, str>,
    version: Option<Cow<'a, str>>,
    progress: JsonProgress,
    restarts: u64,
    clock_skew_ms: Option<i64>,
    lost: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonProgress {
    in_flight: u64,
    in_flight_overdue: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<String>,
    oldest_in_flight_ns: Option<u64>,
    queue_depth: Option<u64>,
}

const ROLES: [(Role, &str); 2] = [(Role::Worker, "worker"), (Role::Scheduler, "scheduler")];
const CONDITIONS: [(Condition, &str); 3] = [
    (Condition::Running, "running"),
    (Condition::Draining, "draining"),
    (Condition::Stopped, "stopped"),
];

impl Kept {
    pub(super) fn encode(row: &WorkerRow, revision: u64) -> Result<Vec<u8>, String> {
        let mut bytes = revision.to_be_bytes().to_vec();
        serde_json::to_writer(&mut bytes, &Json::of(row)).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    pub(super) fn decode(id: &str, bytes: &[u8]) -> Result<Self, String> {
        let told = |what: &str| format!("the row of worker {id:?}: {what}");
        let (_, json) = bytes.split_at_checked(8).ok_or_else(|| told("too short"))?;
        let json: Json<'_> = serde_json::from_slice(json).map_err(|e| told(&e.to_string()))?;
        let id = BeatId::parse(id).ok_or_else(|| told("no id"))?;
        let row = json.into_row(id).ok_or_else(|| told("no word or time"))?;
        Ok(Self { row })
    }
}

/// The revision of a row; `None` where the bytes hold none.
pub(super) fn revision(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().copied().map(u64::from_be_bytes)
}

/// 584 years are long enough.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> Json<'a> {
    fn of(row: &'a WorkerRow) -> Self {
        Self {
            role: word(&ROLES, row.role).into(),
            boot_id: row.boot_id.as_deref().map(Cow::from),
            previous_boot_id: row.previous_boot_id.as_deref().map(Cow::from),
            sequence: row.sequence,
            registered_at: row.registered_at.to_string(),
            last_seen: text(row.last_seen),
            progressed_at: text(row.progressed_at),
            interval_ns: nanos(row.interval),
            condition: word(&CONDITIONS, row.condition).into(),
            version: row.version.as_deref().map(Cow::from),
            progress: JsonProgress::of(&row.progress),
            restarts: row.restarts,
            clock_skew_ms: row.clock_skew_ms,
            lost: row.lost,
        }
    }

    fn into_row(self, id: BeatId) -> Option<WorkerRow> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Arc::from(&*text));
        Some(WorkerRow {
            id,
            role: meaning(&ROLES, &self.role)?,
            boot_id: owned(self.boot_id),
            previous_boot_id: owned(self.previous_boot_id),
            sequence: self.sequence,
            registered_at: self.registered_at.parse().ok()?,
            last_seen: time(self.last_seen)?,
            progressed_at: time(self.progressed_at)?,
            interval: Duration::from_nanos(self.interval_ns),
            condition: meaning(&CONDITIONS, &self.condition)?,
            version: owned(self.version),
            progress: self.progress.into_progress()?,
            restarts: self.restarts,
            clock_skew_ms: self.clock_skew_ms,
            lost: self.lost,
        })
    }
}

impl JsonProgress {
    fn of(progress: &Progress) -> Self {
        Self {
            in_flight: progress.in_flight,
            in_flight_overdue: progress.in_flight_overdue,
            processed_total: progress.processed_total,
            failed_total: progress.failed_total,
            last_progress_at: text(progress.last_progress_at),
            oldest_in_flight_ns: progress.oldest_in_flight.map(nanos),
            queue_depth: progress.queue_depth,
        }
    }

    fn into_progress(self) -> Option<Progress> {
        Some(Progress {
            in_flight: self.in_flight,
            in_flight_overdue: self.in_flight_overdue,
            processed_total: self.processed_total,
            failed_total: self.failed_total,
            last_progress_at: time(self.last_progress_at)?,
            oldest_in_flight: self.oldest_in_flight_ns.map(Duration::from_nanos),
            queue_depth: self.queue_depth,
        })
    }
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

/// `None` where there is a text that is no time.
#[expect(clippy::option_option, reason = "no time, and none that can be read")]
fn time(text: Option<String>) -> Option<Option<Timestamp>> {
    text.map(|text| text.parse().ok())
        .map_or(Some(None), |time: Option<Timestamp>| time.map(Some))
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], meaning: T) -> &'static str {
    let known = words.iter().find(|(known, _)| *known == meaning);
    known.map_or("", |(_, word)| word)
}

fn meaning<T: Copy>(words: &[(T, &'static str)], word: &str) -> Option<T> {
    let known = words.iter().find(|(_, known)| *known == word);
    known.map(|(meaning, _)| *meaning)
}
