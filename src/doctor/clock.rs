//! The skew of this machine's clock against the receiver's.
//!
//! The `Date` header is what a receiver tells without being asked; a gRPC one tells nothing over
//! HTTP/2's first frames, and the step is skipped.

use std::time::{Duration, SystemTime};

use super::step::DiagnosisStep;
use crate::model::units::format_duration;

/// The skew from which a warning is given: less can come from the answer's way and the whole seconds of its date.
const WARN_SKEW: Duration = Duration::from_secs(5);
/// The skew from which it is a failure: receivers begin to refuse what is as old, and a trace of two machines makes no sense any more.
const MAX_SKEW: Duration = Duration::from_secs(300);

const NAME: &str = "clock";

/// Returns the step for the receiver's `Date` header; `now` is the time at which it was received.
pub(super) fn clock_step(date_header: Option<&str>, now: SystemTime) -> DiagnosisStep {
    let Some(date) = date_header.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return DiagnosisStep::skipped(NAME, "not reported by the receiver");
    };
    let (skew, direction) = match now.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    // The header has whole seconds; a fraction would pretend to more.
    let skew = Duration::from_secs(skew.as_secs());
    if skew < WARN_SKEW {
        let bound = format_duration(WARN_SKEW);
        return DiagnosisStep::ok(NAME, format!("within {bound} of the receiver's"));
    }
    let finding = format!(
        "this machine is {} {direction} the receiver",
        format_duration(skew)
    );
    let fix = "synchronise the clocks: `timedatectl` or `chronyc tracking` tells which one is off";
    if skew < MAX_SKEW {
        DiagnosisStep::warn(NAME, finding).with_fix(fix)
    } else {
        DiagnosisStep::fail(NAME, finding, fix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::StepVerdict;
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn step_at_skew(seconds: i64) -> DiagnosisStep {
        let date = httpdate::parse_http_date(DATE).unwrap();
        let skew = Duration::from_secs(seconds.unsigned_abs());
        let now = if seconds < 0 {
            date - skew
        } else {
            date + skew
        };
        clock_step(Some(DATE), now)
    }

    #[test]
    fn a_clock_is_notable_from_5_s_and_wrong_from_5_min() {
        for (seconds, verdict) in [
            (0, StepVerdict::Ok),
            (4, StepVerdict::Ok),
            (-4, StepVerdict::Ok),
            (5, StepVerdict::Warn),
            (-5, StepVerdict::Warn),
            (299, StepVerdict::Warn),
            (300, StepVerdict::Fail),
            (-300, StepVerdict::Fail),
        ] {
            assert_eq!(step_at_skew(seconds).verdict, verdict, "{seconds}");
        }
    }

    #[test]
    fn the_direction_is_reported() {
        assert_eq!(
            step_at_skew(90).finding,
            "this machine is 1m30s ahead of the receiver"
        );
        assert_eq!(
            step_at_skew(-90).finding,
            "this machine is 1m30s behind the receiver"
        );
    }

    #[test]
    fn a_receiver_that_sends_no_date_is_skipped() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(clock_step(None, now).verdict, StepVerdict::Skipped);
        assert_eq!(clock_step(Some("soon"), now).verdict, StepVerdict::Skipped);
    }
}
