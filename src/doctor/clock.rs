//! How far this machine's clock is from the receiver's.

use std::time::{Duration, SystemTime};

use super::step::Step;
use crate::model::units::format_duration;

/// Less can come from the answer's way and the whole seconds of its date.
const NOTABLE: Duration = Duration::from_secs(5);
/// Receivers begin to refuse what is as old, and a trace of two machines makes no sense any more.
const TOO_MUCH: Duration = Duration::from_secs(300);

const NAME: &str = "clock";

/// Judges what the receiver said its time was; `now` is the time at which it was heard.
pub(super) fn judge(told: Option<&str>, now: SystemTime) -> Step {
    let Some(date) = told.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Step::skipped(NAME, "not told by the receiver");
    };
    let (apart, direction) = match now.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let apart = Duration::from_secs(apart.as_secs());
    if apart < NOTABLE {
        let bound = format_duration(NOTABLE);
        return Step::ok(NAME, format!("within {bound} of the receiver's"));
    }
    let finding = format!(
        "this machine is {} {direction} the receiver",
        format_duration(apart)
    );
    let fix = "synchronise the clocks: `timedatectl` or `chronyc tracking` tells which one is off";
    if apart < TOO_MUCH {
        Step::warn(NAME, finding).with_fix(fix)
    } else {
        Step::fail(NAME, finding, fix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::Verdict;
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn judged(seconds: i64) -> Step {
        let date = httpdate::parse_http_date(DATE).unwrap();
        let apart = Duration::from_secs(seconds.unsigned_abs());
        let now = if seconds < 0 {
            date - apart
        } else {
            date + apart
        };
        judge(Some(DATE), now)
    }

    #[test]
    fn a_clock_is_notable_from_5_s_and_wrong_from_5_min() {
        for (seconds, verdict) in [
            (0, Verdict::Ok),
            (4, Verdict::Ok),
            (-4, Verdict::Ok),
            (5, Verdict::Warn),
            (-5, Verdict::Warn),
            (299, Verdict::Warn),
            (300, Verdict::Fail),
            (-300, Verdict::Fail),
        ] {
            assert_eq!(judged(seconds).verdict, verdict, "{seconds}");
        }
    }

    #[test]
    fn the_direction_is_told() {
        assert_eq!(
            judged(90).finding,
            "this machine is 1m30s ahead of the receiver"
        );
        assert_eq!(
            judged(-90).finding,
            "this machine is 1m30s behind the receiver"
        );
    }

    #[test]
    fn a_receiver_that_tells_no_time_is_not_judged() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(judge(None, now).verdict, Verdict::Skipped);
        assert_eq!(judge(Some("soon"), now).verdict, Verdict::Skipped);
    }
}
