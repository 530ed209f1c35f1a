//! What the answers say of one objective.

use std::time::Duration;

use jiff::Timestamp;

use super::Fleet;
use super::figures::Figures;
use super::query::elapsed;
use crate::slo::Objective;
use crate::slo::report::{Alert, BurnRate, Data, ObjectiveReport};
use crate::slo_tracker::alert::Alarm;
use crate::slo_tracker::judge::{exhausts_at, windows};
use crate::units::format_duration;

/// After how many sampling intervals without a sample figures are stale.
const STALE: u32 = 3;

pub(super) fn judge(
    objective: &Objective,
    figures: &Figures,
    fleet: &Fleet,
    at: Timestamp,
) -> ObjectiveReport {
    let mut report = ObjectiveReport::of(objective, at);
    // Whatever can't be said is not green.
    report.alert = Alert::Frozen;
    if let Err(reason) = fill(&mut report, objective, figures, fleet, at) {
        report.data = Data::Inconsistent;
        report.reason = Some(reason);
    }
    report
}

fn fill(
    report: &mut ObjectiveReport,
    objective: &Objective,
    figures: &Figures,
    fleet: &Fleet,
    at: Timestamp,
) -> Result<(), String> {
    let id = objective.id();
    let (rates, lost) = rates(id, figures, fleet);
    let mut alarm = Alarm::new(objective, &fleet.policy);
    alarm.look(at, &rates);
    // A burn window that is known pages, even where the objective's own is not.
    if matches!(alarm.shown(), Alert::Critical | Alert::Warning) {
        report.alert = alarm.shown();
    }
    report.burn_rate = rates;
    let window = elapsed(objective, at);
    (report.good, report.bad) = figures.events(id, window)?;
    report.coverage = figures.coverage(id, window)?;
    let newest = figures.newest(id)?;
    if let Some(reason) = lost {
        return Err(reason);
    }
    if newest.is_none() && report.coverage == 0.0 && report.good + report.bad == 0 {
        report.burn_rate.clear();
        return Ok(());
    }
    let total = u128::from(report.good) + u128::from(report.bad);
    report.reason = stale(newest, at, fleet.scrape_interval);
    if report.reason.is_some() {
        report.data = Data::Stale;
        return Ok(());
    }
    report.data = Data::of(report.coverage, total);
    report.alert = alarm.shown();
    report.exhausts_at = exhausts_at(report, at);
    Ok(())
}

/// The burn windows that are known, and why one of them is not.
fn rates(id: &str, figures: &Figures, fleet: &Fleet) -> (Vec<BurnRate>, Option<String>) {
    let rate = |window: &Duration| {
        let (good, bad) = figures.events(id, window.as_secs())?;
        let coverage = figures.coverage(id, window.as_secs())?;
        Ok(BurnRate::new(*window, good, bad, coverage))
    };
    let (mut rates, mut lost) = (Vec::new(), None);
    for window in windows(&fleet.policy) {
        match rate(&window) {
            Ok(rate) => rates.push(rate),
            Err(reason) => lost = lost.or(Some(reason)),
        }
    }
    (rates, lost)
}

fn stale(newest: Option<f64>, at: Timestamp, interval: Duration) -> Option<String> {
    let Some(newest) = newest else {
        return Some("its series have ended".into());
    };
    let age = at.as_millisecond() as f64 / 1_000.0 - newest;
    let late = age > (interval * STALE).as_secs_f64();
    let age = Duration::try_from_secs_f64(age.round()).unwrap_or_default();
    late.then(|| format!("the newest sample is {} old", format_duration(age)))
}
