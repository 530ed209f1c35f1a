//! The evaluation of an objective from its counts: one for a process, a store and a fleet.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::slo::budget::Budget;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{AlertState, BurnRate, DataQuality, ObjectiveReport};
use crate::model::slo::{Objective, SloWindow};
use crate::model::units::Ratio;

/// The number of sampling intervals without a sample after which data is stale.
pub(super) const MAX_STALE_INTERVALS: u32 = 3;
/// The number of steps of a burn-down: as many as a chart or a line of text can show.
pub(super) const BURN_DOWN_STEPS: u64 = 60;

/// The windows that are always reported, whatever the policy says.
const DISPLAY_WINDOWS: [u64; 7] = [300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200];

/// Returns the report of an objective from the counts of its window so far and of the alerts' windows,
/// but for what only the history of its events says.
pub(super) fn evaluate(
    objective: &Objective,
    at: Timestamp,
    counts: BurnRate,
    burn_rate: Vec<BurnRate>,
    alert: AlertState,
    is_stale: bool,
) -> ObjectiveReport {
    let mut report = ObjectiveReport::new(objective, at);
    (report.good, report.bad, report.coverage) = (counts.good, counts.bad, counts.coverage);
    report.data = match is_stale {
        true => DataQuality::Stale,
        false => DataQuality::from_coverage(counts.coverage, report.budget().total()),
    };
    (report.burn_rate, report.alert) = (burn_rate, alert);
    report.exhausts_at = exhausts_at(&report, at);
    report
}

/// Returns the remaining budget at each moment, from the bad events until then.
///
/// The budget is that of all events of the window so far, so that it can be drawn as one line
/// downwards. Without events there is none.
pub(super) fn burn_down(
    report: &ObjectiveReport,
    bad_events: impl IntoIterator<Item = (Timestamp, u64)>,
) -> Vec<(Timestamp, Ratio)> {
    let all = report.good.saturating_add(report.bad);
    let point = |(at, bad): (Timestamp, u64)| {
        let bad = bad.min(all);
        let budget = Budget::new(report.target, report.length, all - bad, bad);
        Some((at, budget.remaining()?))
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
/// something, short enough to be now.
fn exhausts_at(report: &ObjectiveReport, at: Timestamp) -> Option<Timestamp> {
    let hour = Duration::from_secs(3_600);
    let rate = report.burn_rate.iter().find(|rate| rate.window == hour)?;
    let rate = rate.value(report.target)?;
    let budget = report.budget();
    let remaining = match &report.window {
        SloWindow::Rolling(_) => budget.rolling_time_to_exhaustion(rate),
        window => budget.calendar_time_to_exhaustion(rate, window.range_at(at).remaining_at(at)),
    };
    at.checked_add(remaining?).ok()
}
