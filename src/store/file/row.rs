//! A worker's row as bytes: its revision, which is compared without reading the rest, and JSON.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::store::WorkerRow;

/// A worker's row as it is stored.
#[derive(Debug)]
pub(super) struct StoredWorker {
    pub(super) row: WorkerRow,
}

/// A row as JSON. Times are text, because a number of nanoseconds has no room for all of them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerJson<'a> {
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
    progress: ProgressJson,
    restarts: u64,
    clock_skew_ms: Option<i64>,
    lost: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgressJson {
    in_flight: u64,
    in_flight_overdue: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<String>,
    oldest_in_flight_ns: Option<u64>,
    queue_depth: Option<u64>,
}

const ROLE_NAMES: [(BeatRole, &str); 2] = [
    (BeatRole::Worker, "worker"),
    (BeatRole::Scheduler, "scheduler"),
];
const CONDITION_NAMES: [(LifecycleState, &str); 3] = [
    (LifecycleState::Running, "running"),
    (LifecycleState::Draining, "draining"),
    (LifecycleState::Stopped, "stopped"),
];

impl StoredWorker {
    pub(super) fn encode(row: &WorkerRow, revision: u64) -> Result<Vec<u8>, String> {
        let mut bytes = revision.to_be_bytes().to_vec();
        serde_json::to_writer(&mut bytes, &WorkerJson::from_row(row))
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    pub(super) fn decode(id: &str, bytes: &[u8]) -> Result<Self, String> {
        let error = |reason: &str| format!("the row of worker {id:?}: {reason}");
        let (_, json) = bytes
            .split_at_checked(8)
            .ok_or_else(|| error("too short"))?;
        let json: WorkerJson<'_> =
            serde_json::from_slice(json).map_err(|e| error(&e.to_string()))?;
        let id = BeatId::parse(id).ok_or_else(|| error("no id"))?;
        let row = json.into_row(id).ok_or_else(|| error("no word or time"))?;
        Ok(Self { row })
    }
}

/// Returns the revision of a row; `None` if the bytes hold none.
pub(super) fn revision(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().copied().map(u64::from_be_bytes)
}

/// Returns nanoseconds, capped at 584 years.
pub(super) fn to_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> WorkerJson<'a> {
    fn from_row(row: &'a WorkerRow) -> Self {
        Self {
            role: to_name(&ROLE_NAMES, row.role).into(),
            boot_id: row.boot_id.as_deref().map(Cow::from),
            previous_boot_id: row.previous_boot_id.as_deref().map(Cow::from),
            sequence: row.sequence,
            registered_at: row.registered_at.to_string(),
            last_seen: format_time(row.last_seen),
            progressed_at: format_time(row.progressed_at),
            interval_ns: to_nanos(row.interval),
            condition: to_name(&CONDITION_NAMES, row.condition).into(),
            version: row.version.as_deref().map(Cow::from),
            progress: ProgressJson::from_progress(&row.progress),
            restarts: row.restarts,
            clock_skew_ms: row.clock_skew_ms,
            lost: row.lost,
        }
    }

    fn into_row(self, id: BeatId) -> Option<WorkerRow> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Arc::from(&*text));
        Some(WorkerRow {
            id,
            role: from_name(&ROLE_NAMES, &self.role)?,
            boot_id: owned(self.boot_id),
            previous_boot_id: owned(self.previous_boot_id),
            sequence: self.sequence,
            registered_at: self.registered_at.parse().ok()?,
            last_seen: parse_time(self.last_seen)?,
            progressed_at: parse_time(self.progressed_at)?,
            interval: Duration::from_nanos(self.interval_ns),
            condition: from_name(&CONDITION_NAMES, &self.condition)?,
            version: owned(self.version),
            progress: self.progress.into_progress()?,
            restarts: self.restarts,
            clock_skew_ms: self.clock_skew_ms,
            lost: self.lost,
        })
    }
}

impl ProgressJson {
    fn from_progress(progress: &BeatProgress) -> Self {
        Self {
            in_flight: progress.in_flight,
            in_flight_overdue: progress.in_flight_overdue,
            processed_total: progress.processed_total,
            failed_total: progress.failed_total,
            last_progress_at: format_time(progress.last_progress_at),
            oldest_in_flight_ns: progress.oldest_in_flight.map(to_nanos),
            queue_depth: progress.queue_depth,
        }
    }

    fn into_progress(self) -> Option<BeatProgress> {
        Some(BeatProgress {
            in_flight: self.in_flight,
            in_flight_overdue: self.in_flight_overdue,
            processed_total: self.processed_total,
            failed_total: self.failed_total,
            last_progress_at: parse_time(self.last_progress_at)?,
            oldest_in_flight: self.oldest_in_flight_ns.map(Duration::from_nanos),
            queue_depth: self.queue_depth,
        })
    }
}

fn format_time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

/// Parses an optional time; `None` for a text that is no time.
#[expect(clippy::option_option, reason = "no time, and none that can be read")]
fn parse_time(text: Option<String>) -> Option<Option<Timestamp>> {
    text.map(|text| text.parse().ok())
        .map_or(Some(None), |time: Option<Timestamp>| time.map(Some))
}

fn to_name<T: Copy + PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    let entry = names.iter().find(|(entry, _)| *entry == value);
    entry.map_or("", |(_, name)| name)
}

fn from_name<T: Copy>(names: &[(T, &'static str)], name: &str) -> Option<T> {
    let entry = names.iter().find(|(_, entry)| *entry == name);
    entry.map(|(value, _)| *value)
}
