//! The evaluation of an objective from its counts: one for a process, a store and a fleet.
//!
//! The same function for all three sources, so that a page, a metric and the fleet's report cannot
//! disagree about the arithmetic.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::slo::budget::SeenTime;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{AlertState, BurnRate, DataQuality, ObjectiveReport};
use crate::model::slo::{Objective, SloWindow};
use crate::model::units::Ratio;

/// The number of sampling intervals without a sample after which data is stale.
pub(super) const MAX_STALE_INTERVALS: u32 = 3;
/// The number of steps of a burn-down: as many as a chart or a line of text can show.
pub(super) const BURN_DOWN_STEPS: u64 = 60;

/// The windows that are always reported, whatever the policy says.
///
/// 5 min to 3 d, so that reports of services with different policies can be compared.
const DISPLAY_WINDOWS: [u64; 7] = [300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200];

/// The counts of an objective's window, and how much of it they are of.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowCounts {
    pub(super) good: u64,
    pub(super) bad: u64,
    /// The share of the elapsed part that has samples, 0 to 1.
    pub(super) coverage: f64,
    /// The time of the whole window that has samples, where it is known exactly.
    pub(super) seen: Option<SeenTime>,
    /// The length of a time slice, for objectives that count those of one service.
    pub(super) slice: Duration,
}

/// Returns the report of an objective from the counts of its window so far and of the alerts' windows,
/// but for what only the history of its events says.
pub(super) fn evaluate(
    objective: &Objective,
    at: Timestamp,
    counts: WindowCounts,
    burn_rate: Vec<BurnRate>,
    alert: AlertState,
    is_stale: bool,
) -> ObjectiveReport {
    let mut report = ObjectiveReport::new(objective, at);
    counts.fill(objective, &mut report);
    report.data = match is_stale {
        true => DataQuality::Stale,
        false => DataQuality::from_coverage(counts.coverage, report.budget().total()),
    };
    (report.burn_rate, report.alert) = (burn_rate, alert);
    report.exhausts_at = exhausts_at(&report, at);
    report
}

impl WindowCounts {
    /// Writes the counts into the report of the objective.
    pub(super) fn fill(self, objective: &Objective, report: &mut ObjectiveReport) {
        (report.good, report.bad, report.coverage) = (self.good, self.bad, self.coverage);
        report.seen_time = self.seen;
        report.slice = objective.is_one_slice_at_a_time().then_some(self.slice);
    }
}

/// Returns the remaining budget at each moment, from the bad events until then.
///
/// The budget is that of the whole window as the report has it, so that it can be drawn as one line
/// downwards. Without events there is none.
pub(super) fn burn_down(
    report: &ObjectiveReport,
    bad_events: impl IntoIterator<Item = (Timestamp, u64)>,
) -> Vec<(Timestamp, Ratio)> {
    let all = report.good.saturating_add(report.bad);
    let budget = report.budget();
    let point = |(at, bad): (Timestamp, u64)| {
        // The events of history and the sums of the window may be read a moment apart.
        let bad = bad.min(all);
        Some((at, budget.with_counts(all - bad, bad).remaining()?))
    };
    bad_events.into_iter().filter_map(point).collect()
}

/// Returns the policy's windows and those that are always reported, each once, shortest first.
pub(super) fn burn_rate_windows(policy: &BurnRatePolicy) -> Vec<Duration> {
    let mut windows: Vec<_> = DISPLAY_WINDOWS.map(Duration::from_secs).into();
    windows.extend(policy.windows());
    windows.sort_unstable();
    windows.dedup();
    windows
}

/// Returns the time at which the budget is spent at the rate of the last hour: long enough to mean
/// something, short enough to be now. `None` where it is spent already.
fn exhausts_at(report: &ObjectiveReport, at: Timestamp) -> Option<Timestamp> {
    let hour = Duration::from_secs(3_600);
    let rate = report.burn_rate.iter().find(|rate| rate.window == hour)?;
    let rate = rate.value(report.target)?;
    let budget = report.budget();
    let remaining = match &report.window {
        SloWindow::Rolling(_) => budget.rolling_time_to_exhaustion(rate),
        // A calendar window is refilled at its end: what would be spent after it is not.
        window => budget.calendar_time_to_exhaustion(rate, window.range_at(at).remaining_at(at)),
    };
    let remaining = remaining.filter(|remaining| !remaining.is_zero())?;
    at.checked_add(remaining).ok()
}
