//! A beat as JSON, as it is sent to an API and read there.
//!
//! What the reader does not know it leaves alone and counts, so that a new worker can talk to an old
//! API; what it does know must fit, because a total that is misread as 0 would look like a worker
//! that has stopped working.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::fields::{BeatFault, Members, Misfit, WHOLE, count};
use super::{Beat, Condition, Progress, Role};

/// The longest interval, in milliseconds: a day.
const LONGEST_INTERVAL: u64 = 86_400_000;

impl Beat {
    /// Reads a beat; beside it, how many members it has that nobody here knows.
    ///
    /// # Errors
    ///
    /// Every fault of the body at once.
    pub(crate) fn parse(body: &[u8]) -> Result<(Self, u64), BeatFault> {
        let value: Value = serde_json::from_slice(body).map_err(|error| no_json(&error))?;
        let mut misfits = Vec::new();
        let read = Self::read(&value, &mut misfits);
        match read {
            Some(read) if misfits.is_empty() => Ok(read),
            _ => Err(BeatFault(misfits)),
        }
    }

    fn read(value: &Value, misfits: &mut Vec<Misfit>) -> Option<(Self, u64)> {
        let mut inner = Vec::new();
        let mut members = Members::of("$", value, misfits)?;
        let boot_id = members.required("boot_id", BOOT_ID, boot_id);
        let sequence = members.required("sequence", WHOLE, count);
        let role = members.optional("role", "worker, scheduler", role);
        let allowed = "a whole number from 1 to 86400000";
        let interval = members.optional("interval_ms", allowed, interval);
        let allowed = "running, draining, stopped";
        let condition = members.optional("state", allowed, condition);
        let sent_at = members.time("sent_at");
        let version = members.optional("version", "1 to 255 bytes of printable text", version);
        let progress = members.take("progress");
        let unknown = members.unknown();
        let (progress, unknown_too) = progress
            .and_then(|value| Progress::read(value, &mut inner))
            .unwrap_or_default();
        misfits.append(&mut inner);
        let beat = Self {
            boot_id: boot_id?,
            sequence: sequence?,
            role: role.unwrap_or(Role::Worker),
            interval: interval.unwrap_or(Self::DEFAULT_INTERVAL),
            condition: condition.unwrap_or(Condition::Running),
            sent_at,
            version,
            progress,
        };
        Some((beat, unknown + unknown_too))
    }

    /// Writes a beat as [`parse`](Self::parse) reads it.
    pub(crate) fn to_json(&self) -> String {
        let progress = &self.progress;
        let document = Document {
            boot_id: &self.boot_id,
            sequence: self.sequence,
            role: self.role.as_str(),
            interval_ms: millis(self.interval).clamp(1, LONGEST_INTERVAL),
            state: self.condition.as_str(),
            sent_at: self.sent_at.map(|at| at.to_string()),
            version: self.version.as_deref(),
            progress: DocumentProgress {
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

impl Progress {
    fn read(value: &Value, misfits: &mut Vec<Misfit>) -> Option<(Self, u64)> {
        let mut members = Members::of("$.progress", value, misfits)?;
        let progress = Self {
            in_flight: members.count("in_flight").unwrap_or_default(),
            in_flight_overdue: members.count("in_flight_overdue").unwrap_or_default(),
            processed_total: members.count("processed_total").unwrap_or_default(),
            failed_total: members.count("failed_total").unwrap_or_default(),
            last_progress_at: members.time("last_progress_at"),
            oldest_in_flight: members
                .count("oldest_in_flight_ms")
                .map(Duration::from_millis),
            queue_depth: members.count("queue_depth"),
        };
        let unknown = members.unknown();
        Some((progress, unknown))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    boot_id: &'a str,
    sequence: u64,
    role: &'a str,
    interval_ms: u64,
    state: &'a str,
    sent_at: Option<String>,
    version: Option<&'a str>,
    progress: DocumentProgress,
}

#[derive(Serialize)]
struct DocumentProgress {
    in_flight: u64,
    in_flight_overdue: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<String>,
    oldest_in_flight_ms: Option<u64>,
    queue_depth: Option<u64>,
}

const BOOT_ID: &str = "1 to 128 printable characters of ASCII, without spaces";

fn boot_id(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fine = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| text.into())
}

fn version(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fine = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
    fine.then(|| text.into())
}

fn role(value: &Value) -> Option<Role> {
    let text = value.as_str()?;
    Role::ALL.into_iter().find(|role| role.as_str() == text)
}

fn condition(value: &Value) -> Option<Condition> {
    let text = value.as_str()?;
    let mut all = Condition::ALL.into_iter();
    all.find(|condition| condition.as_str() == text)
}

fn interval(value: &Value) -> Option<Duration> {
    let millis = value.as_u64()?;
    let fine = (1..=LONGEST_INTERVAL).contains(&millis);
    fine.then(|| Duration::from_millis(millis))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn no_json(error: &serde_json::Error) -> BeatFault {
    BeatFault(vec![Misfit {
        path: "$".into(),
        found: error.to_string(),
        allowed: "JSON".into(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        let fault = Beat::parse(body.as_bytes()).unwrap_err();
        fault.misfits().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_beat_needs_no_more_than_its_boot_and_its_sequence() {
        let (beat, unknown) = Beat::parse(br#"{"boot_id":"b","sequence":0}"#).unwrap();
        let bare = Beat {
            boot_id: "b".into(),
            sequence: 0,
            role: Role::Worker,
            interval: Duration::from_secs(30),
            condition: Condition::Running,
            sent_at: None,
            version: None,
            progress: Progress::default(),
        };
        assert_eq!((beat, unknown), (bare, 0));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let full = Beat {
            boot_id: "0a1b-2".into(),
            sequence: i64::MAX as u64,
            role: Role::Scheduler,
            interval: Duration::from_millis(1500),
            condition: Condition::Draining,
            sent_at: Some("2026-03-01T12:00:00.123456789Z".parse().unwrap()),
            version: Some("1.4.2 \"ß\"".into()),
            progress: Progress {
                in_flight: 3,
                in_flight_overdue: 1,
                processed_total: 12,
                failed_total: 2,
                last_progress_at: Some("2026-03-01T11:59:59Z".parse().unwrap()),
                oldest_in_flight: Some(Duration::from_millis(2500)),
                queue_depth: Some(0),
            },
        };
        assert_eq!(Beat::parse(full.to_json().as_bytes()), Ok((full, 0)));
    }

    #[test]
    fn unknown_members_are_counted_and_null_is_absent() {
        let body = br#"{"boot_id":"b","sequence":1,"mood":"good","version":null,
            "progress":{"queue_depth":null,"in_flight":2,"gpu":1,"cpu":{"a":1}}}"#;
        let (beat, unknown) = Beat::parse(body).unwrap();
        assert_eq!(unknown, 3);
        assert_eq!(
            (beat.progress.in_flight, beat.progress.queue_depth),
            (2, None)
        );
    }

    #[test]
    fn every_fault_is_named_at_once_with_its_path_and_what_is_allowed() {
        let body = r#"{"boot_id":"a b","sequence":-1,"role":"boss","interval_ms":0,"state":"ill",
            "sent_at":"yesterday","version":"","progress":{"in_flight":1.5,"failed_total":"x",
            "processed_total":9223372036854775808,"last_progress_at":7,"queue_depth":[]}}"#;
        assert_eq!(
            faults(body),
            [
                "$.boot_id: \"a b\", allowed: 1 to 128 printable characters of ASCII, without spaces",
                "$.sequence: -1, allowed: a whole number from 0 to 9223372036854775807",
                "$.role: \"boss\", allowed: worker, scheduler",
                "$.interval_ms: 0, allowed: a whole number from 1 to 86400000",
                "$.state: \"ill\", allowed: running, draining, stopped",
                "$.sent_at: \"yesterday\", allowed: a time of RFC 3339, such as \"2026-03-01T12:00:00.000Z\"",
                "$.version: \"\", allowed: 1 to 255 bytes of printable text",
                "$.progress.in_flight: 1.5, allowed: a whole number from 0 to 9223372036854775807",
                "$.progress.processed_total: 9223372036854775808, allowed: a whole number from 0 to 9223372036854775807",
                "$.progress.failed_total: \"x\", allowed: a whole number from 0 to 9223372036854775807",
                "$.progress.last_progress_at: 7, allowed: a time of RFC 3339, such as \"2026-03-01T12:00:00.000Z\"",
                "$.progress.queue_depth: an array, allowed: a whole number from 0 to 9223372036854775807",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named_and_so_is_what_is_no_object() {
        assert_eq!(faults("{}").len(), 2);
        assert!(faults("{}")[0].starts_with("$.boot_id: missing, allowed: "));
        assert_eq!(faults("[]"), ["$: an array, allowed: an object"]);
        let body = r#"{"boot_id":"b","sequence":1,"progress":5}"#;
        assert_eq!(faults(body), ["$.progress: 5, allowed: an object"]);
        assert!(faults("{")[0].starts_with("$: EOF"), "{:?}", faults("{"));
        assert!(faults("\u{feff}{}")[0].ends_with("allowed: JSON"));
    }

    #[test]
    fn a_fault_repeats_no_more_than_the_start_of_a_value() {
        let body = format!(r#"{{"boot_id":"{}","sequence":1}}"#, "ü".repeat(5000));
        assert!(faults(&body)[0].chars().count() < 200);
    }
}
