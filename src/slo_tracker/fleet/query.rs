//! What is asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::slo::policy::Policy;
use crate::slo::{Objective, Objectives, Window};
use crate::slo_tracker::judge::windows;

/// At how many moments of a window it is seen whether there are samples, at most.
const STEPS: u64 = 1_000;

/// One question, for all objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Query {
    /// Good and bad events of a window of these seconds.
    Events(u64),
    /// At how many of its steps there were samples.
    Coverage(u64),
    /// When the newest sample was taken.
    Newest,
}

impl Query {
    fn text(self) -> String {
        match self {
            Query::Events(window) => format!(
                "sum by (objective, result) (increase(vantage_slo_events_total[{window}s]))"
            ),
            Query::Coverage(window) => format!(
                "count_over_time(max by (objective) (vantage_slo_events_total)[{window}s:{}s])",
                step(window)
            ),
            Query::Newest => "max by (objective) (timestamp(vantage_slo_events_total))".into(),
        }
    }

    /// For people.
    pub(super) fn name(self) -> String {
        let window = |seconds| crate::units::format_duration(Duration::from_secs(seconds));
        match self {
            Query::Events(seconds) => format!("the events of {}", window(seconds)),
            Query::Coverage(seconds) => format!("the coverage of {}", window(seconds)),
            Query::Newest => "the newest samples".into(),
        }
    }

    pub(super) fn path(self, at: Timestamp) -> String {
        let millis = at.as_millisecond();
        let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
        let mut path = format!("/api/v1/query?time={seconds}.{millis:03}&query=");
        for byte in self.text().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => path.push(char::from(byte)),
                // Writing into a string doesn't fail.
                _ => {
                    let _ = write!(path, "%{byte:02X}");
                }
            }
        }
        path
    }
}

/// The length of the window that the objective is judged by: of a calendar window, what is over of it.
pub(super) fn elapsed(objective: &Objective, at: Timestamp) -> u64 {
    let length = match objective.window() {
        Window::Rolling(rolling) => rolling.duration(),
        window => {
            let over = at.duration_since(window.span(at).start);
            Duration::try_from(over).unwrap_or_default()
        }
    };
    length.as_secs().max(1)
}

/// Every question once.
pub(super) fn queries(objectives: &Objectives, policy: &Policy, at: Timestamp) -> Vec<Query> {
    let mut lengths: BTreeSet<u64> = windows(policy).iter().map(Duration::as_secs).collect();
    lengths.extend(objectives.iter().map(|objective| elapsed(objective, at)));
    let both = |length| [Query::Events(length), Query::Coverage(length)];
    let mut queries = vec![Query::Newest];
    queries.extend(lengths.into_iter().flat_map(both));
    queries
}

/// How many steps a window has.
pub(super) fn steps(window: u64) -> u64 {
    (window / step(window)).max(1)
}

fn step(window: u64) -> u64 {
    window.div_ceil(STEPS).max(1)
}
