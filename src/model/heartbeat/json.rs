//! A beat as JSON, as it is sent to an API.
//!
//! The counterpart of [`Beat::parse`]: what is written here is read there, also by older releases,
//! so that members are added and never renamed.

use std::time::Duration;

use serde::Serialize;

use super::{Beat, MAX_INTERVAL_MS};

impl Beat {
    /// Returns the JSON that an API reads.
    pub(crate) fn to_json(&self) -> String {
        let progress = &self.progress;
        let document = BeatJson {
            boot_id: &self.boot_id,
            sequence: self.sequence,
            role: self.role.as_str(),
            interval_ms: millis(self.interval).clamp(1, MAX_INTERVAL_MS),
            state: self.state.as_str(),
            sent_at: self.sent_at.map(|at| at.to_string()),
            version: self.version.as_deref(),
            progress: BeatProgressJson {
                in_flight: progress.in_flight,
                in_flight_overdue: progress.in_flight_overdue,
                processed_total: progress.processed_total,
                failed_total: progress.failed_total,
                last_progress_at: progress.last_progress_at.map(|at| at.to_string()),
                oldest_in_flight_ms: progress.oldest_in_flight.map(millis),
                queue_depth: progress.queue_depth,
            },
        };
        // Text and numbers only: it can't fail.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// The body, with the names of the HTTP contract.
#[derive(Serialize)]
struct BeatJson<'a> {
    boot_id: &'a str,
    sequence: u64,
    role: &'a str,
    // Clamped to what the protocol allows: a beat that is refused for its interval would make a
    // healthy worker look dead.
    interval_ms: u64,
    state: &'a str,
    sent_at: Option<String>,
    version: Option<&'a str>,
    progress: BeatProgressJson,
}

/// The member `progress`.
#[derive(Serialize)]
struct BeatProgressJson {
    in_flight: u64,
    in_flight_overdue: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<String>,
    oldest_in_flight_ms: Option<u64>,
    queue_depth: Option<u64>,
}

/// Converts to milliseconds, which the contract uses because JSON has no durations; the greatest
/// number beyond 584 million years.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::*;
    use crate::model::heartbeat::{BeatProgress, BeatRole, LifecycleState};

    #[test]
    fn what_is_written_is_read_back() {
        let full = Beat {
            boot_id: "0a1b-2".into(),
            sequence: i64::MAX as u64,
            role: BeatRole::Scheduler,
            interval: Duration::from_millis(1500),
            state: LifecycleState::Draining,
            sent_at: Some("2026-03-01T12:00:00.123456789Z".parse().unwrap()),
            version: Some("1.4.2 \"ß\"".into()),
            progress: BeatProgress {
                in_flight: 3,
                in_flight_overdue: 1,
                processed_total: 12,
                failed_total: 2,
                last_progress_at: Some("2026-03-01T11:59:59Z".parse().unwrap()),
                oldest_in_flight: Some(Duration::from_millis(2500)),
                queue_depth: Some(0),
            },
        };
        assert_eq!(
            Beat::parse(full.to_json().as_bytes(), full.interval),
            Ok((full, 0))
        );
    }
}
