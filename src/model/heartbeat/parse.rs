//! A beat from JSON, as an API reads it.
//!
//! The reader leaves alone, and counts, what it does not know, so that a new worker can talk to an old
//! API; what it does know must fit, because a total that is misread as 0 would look like a worker
//! that has stopped working.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::fields::{
    BeatParseError, COUNT_ALLOWED, WORDS, count, read_count, read_in_flight, read_time,
};
use super::{Beat, BeatProgress, BeatRole, LifecycleState, MAX_INTERVAL_MS};
use crate::model::fault::Fault;
use crate::model::json_object::{ObjectReader, parse_document};

impl Beat {
    /// Parses a beat; the second value is the number of unknown members.
    ///
    /// `max_interval` is half of the time after which the receiver takes a worker for offline: one that beats
    /// less often would be offline between two beats.
    ///
    /// # Errors
    ///
    /// Every fault of the body at once.
    pub(crate) fn parse(
        body: &[u8],
        max_interval: Duration,
    ) -> Result<(Self, u64), BeatParseError> {
        let value = parse_document(body, WORDS).map_err(|fault| BeatParseError(vec![fault]))?;
        let mut faults = Vec::new();
        let beat = Self::from_value(&value, max_interval, &mut faults);
        match beat {
            Some(beat) if faults.is_empty() => Ok(beat),
            _ => Err(BeatParseError(faults)),
        }
    }

    /// Reads all members before it gives up, so that all faults are told at once.
    fn from_value(
        value: &Value,
        max_interval: Duration,
        faults: &mut Vec<Fault>,
    ) -> Option<(Self, u64)> {
        let mut inner = Vec::new();
        let max_millis = u64::try_from(max_interval.as_millis()).unwrap_or(u64::MAX);
        // A receiver whose `offline_after` is under 2 ms would allow no interval at all.
        let max_millis = max_millis.clamp(1, MAX_INTERVAL_MS);
        let mut members = ObjectReader::new("$", value, WORDS, faults)?;
        let boot_id = members.read_required("boot_id", BOOT_ID_ALLOWED, parse_boot_id);
        let sequence = members.read_required("sequence", COUNT_ALLOWED, count);
        let role = members.read_optional("role", "worker, scheduler", parse_role);
        let allowed = format!(
            "a whole number from 1 to {max_millis}, which is half of the receiver's heartbeat.offline_after"
        );
        let parse_interval = |value: &Value| parse_interval(value, max_millis);
        let interval = members.read_optional("interval_ms", &allowed, parse_interval);
        let allowed = "running, draining, stopped";
        let condition = members.read_optional("state", allowed, parse_state);
        let sent_at = read_time(&mut members, "sent_at");
        let version =
            members.read_optional("version", "1 to 255 bytes of printable text", parse_version);
        let progress = members.take_value("progress");
        let unknown = members.unknown_keys().count() as u64;
        let (progress, unknown_too) = progress
            .and_then(|value| BeatProgress::from_value(value, &mut inner))
            .unwrap_or_default();
        faults.append(&mut inner);
        let beat = Self {
            boot_id: boot_id?,
            sequence: sequence?,
            role: role.unwrap_or(BeatRole::Worker),
            interval: interval
                // The default is cut to what this receiver allows: a sender that names no interval
                // must not be refused for one.
                .unwrap_or_else(|| Self::DEFAULT_INTERVAL.min(Duration::from_millis(max_millis))),
            state: condition.unwrap_or(LifecycleState::Running),
            sent_at,
            version,
            progress,
        };
        Some((beat, unknown + unknown_too))
    }
}

impl BeatProgress {
    fn from_value(value: &Value, faults: &mut Vec<Fault>) -> Option<(Self, u64)> {
        let mut members = ObjectReader::new("$.progress", value, WORDS, faults)?;
        let progress = Self {
            in_flight: read_in_flight(&mut members, "in_flight").unwrap_or_default(),
            in_flight_overdue: read_in_flight(&mut members, "in_flight_overdue")
                .unwrap_or_default(),
            processed_total: read_count(&mut members, "processed_total").unwrap_or_default(),
            failed_total: read_count(&mut members, "failed_total").unwrap_or_default(),
            last_progress_at: read_time(&mut members, "last_progress_at"),
            oldest_in_flight: read_count(&mut members, "oldest_in_flight_ms")
                .map(Duration::from_millis),
            queue_depth: read_count(&mut members, "queue_depth"),
        };
        let unknown = members.unknown_keys().count() as u64;
        Some((progress, unknown))
    }
}

/// Printable ASCII only, because the id is logged and compared, and never interpreted.
const BOOT_ID_ALLOWED: &str = "1 to 128 printable ASCII characters, without spaces";

fn parse_boot_id(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fine = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| text.into())
}

/// Unicode is fine in a release name; control characters are not, because the text is shown on
/// pages and in logs.
fn parse_version(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fine = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
    fine.then(|| text.into())
}

fn parse_role(value: &Value) -> Option<BeatRole> {
    let text = value.as_str()?;
    BeatRole::ALL.into_iter().find(|role| role.as_str() == text)
}

fn parse_state(value: &Value) -> Option<LifecycleState> {
    match value.as_str()? {
        "running" => Some(LifecycleState::Running),
        "draining" => Some(LifecycleState::Draining),
        "stopped" => Some(LifecycleState::Stopped),
        _ => None,
    }
}

fn parse_interval(value: &Value, max_millis: u64) -> Option<Duration> {
    let millis = value.as_u64()?;
    let fine = (1..=max_millis).contains(&millis);
    fine.then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_INTERVAL: Duration = Duration::from_secs(150);

    fn faults(body: &str) -> Vec<String> {
        let error = Beat::parse(body.as_bytes(), MAX_INTERVAL).unwrap_err();
        let line = |fault: &Fault| {
            let Fault {
                path,
                found,
                allowed,
            } = fault;
            format!("{path}: {found}, allowed: {allowed}")
        };
        error.faults().iter().map(line).collect()
    }

    #[test]
    fn a_beat_needs_no_more_than_its_boot_and_its_sequence() {
        let (beat, unknown) =
            Beat::parse(br#"{"boot_id":"b","sequence":0}"#, MAX_INTERVAL).unwrap();
        let bare = Beat {
            boot_id: "b".into(),
            sequence: 0,
            role: BeatRole::Worker,
            interval: Duration::from_secs(30),
            state: LifecycleState::Running,
            sent_at: None,
            version: None,
            progress: BeatProgress::default(),
        };
        assert_eq!((beat, unknown), (bare, 0));
    }

    #[test]
    fn an_interval_is_at_most_half_of_what_the_receiver_waits_for() {
        let parse = |millis: u64, max_seconds| {
            let body = format!(r#"{{"boot_id":"b","sequence":0,"interval_ms":{millis}}}"#);
            let beat = Beat::parse(body.as_bytes(), Duration::from_secs(max_seconds));
            beat.ok().map(|(beat, _)| beat.interval.as_millis())
        };
        assert_eq!(parse(150_000, 150), Some(150_000));
        assert_eq!(parse(150_001, 150), None);
        assert_eq!(parse(86_400_000, 150), None);
        assert_eq!(parse(86_400_000, 1_000_000), Some(86_400_000));
        assert_eq!(parse(86_400_001, 1_000_000), None);
        // Without one it is what fits.
        let bare = br#"{"boot_id":"b","sequence":0}"#;
        for (max, interval) in [(10, 10), (30, 30), (150, 30)] {
            let (beat, _) = Beat::parse(bare, Duration::from_secs(max)).unwrap();
            assert_eq!(beat.interval, Duration::from_secs(interval));
        }
    }

    #[test]
    fn unknown_members_are_counted_and_null_is_absent() {
        let body = br#"{"boot_id":"b","sequence":1,"mood":"good","version":null,
            "progress":{"queue_depth":null,"in_flight":2,"gpu":1,"cpu":{"a":1}}}"#;
        let (beat, unknown) = Beat::parse(body, MAX_INTERVAL).unwrap();
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
                "$.boot_id: \"a b\", allowed: 1 to 128 printable ASCII characters, without spaces",
                "$.sequence: -1, allowed: a whole number from 0 to 9223372036854775807",
                "$.role: \"boss\", allowed: worker, scheduler",
                "$.interval_ms: 0, allowed: a whole number from 1 to 150000, which is half of the receiver's heartbeat.offline_after",
                "$.state: \"ill\", allowed: running, draining, stopped",
                "$.sent_at: \"yesterday\", allowed: an RFC 3339 time, such as \"2026-03-01T12:00:00.000Z\"",
                "$.version: \"\", allowed: 1 to 255 bytes of printable text",
                "$.progress.in_flight: 1.5, allowed: a whole number from 0 to 1000000",
                "$.progress.processed_total: 9223372036854775808, allowed: a whole number from 0 to 9223372036854775807",
                "$.progress.failed_total: \"x\", allowed: a whole number from 0 to 9223372036854775807",
                "$.progress.last_progress_at: 7, allowed: an RFC 3339 time, such as \"2026-03-01T12:00:00.000Z\"",
                "$.progress.queue_depth: an array, allowed: a whole number from 0 to 9223372036854775807",
            ]
        );
    }

    #[test]
    fn more_running_jobs_than_anybody_believes_are_a_fault() {
        for jobs in ["1000001", "9007199254740991", "9223372036854775807"] {
            for key in ["in_flight", "in_flight_overdue"] {
                let body =
                    format!(r#"{{"boot_id":"a","sequence":1,"progress":{{"{key}":{jobs}}}}}"#);
                let fault =
                    format!("$.progress.{key}: {jobs}, allowed: a whole number from 0 to 1000000");
                assert_eq!(faults(&body), [fault]);
            }
        }
        let body = r#"{"boot_id":"a","sequence":1,"progress":{"in_flight":1000000}}"#;
        assert!(Beat::parse(body.as_bytes(), MAX_INTERVAL).is_ok());
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
