//! What the answers say of one objective.

use std::time::Duration;

use jiff::Timestamp;

use super::Fleet;
use super::plan::elapsed;
use super::query::Query;
use super::results::Figures;
use crate::model::slo::Objective;
use crate::model::slo::promql::is_judged_together;
use crate::model::slo::report::{Alert, BurnRate, Data, ObjectiveReport};
use crate::model::units::format_duration;
use crate::watch::slo::alert::Alarm;
use crate::watch::slo::evaluate::{exhausts_at, windows};

/// After how many sampling intervals without a sample figures are stale.
const STALE: u32 = 3;

/// One objective, and where its figures are.
#[derive(Clone, Copy)]
struct Case<'a> {
    objective: &'a Objective,
    figures: &'a Figures,
    fleet: &'a Fleet,
    at: Timestamp,
}

/// Good and bad events of a window, and the share of it that has samples.
struct Counted {
    good: u64,
    bad: u64,
    coverage: f64,
}

pub(super) fn judge(
    objective: &Objective,
    figures: &Figures,
    fleet: &Fleet,
    at: Timestamp,
) -> ObjectiveReport {
    let case = Case {
        objective,
        figures,
        fleet,
        at,
    };
    let mut report = ObjectiveReport::of(objective, at);
    // Whatever can't be said is not green.
    report.alert = Alert::Frozen;
    if let Err(reason) = case.fill(&mut report) {
        report.data = Data::Inconsistent;
        report.reason = Some(reason);
    }
    report
}

impl Case<'_> {
    fn fill(&self, report: &mut ObjectiveReport) -> Result<(), String> {
        let (rates, lost) = self.rates();
        let mut alarm = Alarm::new(self.objective, &self.fleet.policy);
        alarm.look(self.at, &rates);
        // A burn window that is known pages, even where the objective's own is not.
        if matches!(alarm.shown(), Alert::Critical | Alert::Warning) {
            report.alert = alarm.shown();
        }
        report.burn_rate = rates;
        let own = self.counted(elapsed(self.objective, self.at))?;
        (report.good, report.bad, report.coverage) = (own.good, own.bad, own.coverage);
        if let Some(reason) = lost {
            return Err(reason);
        }
        let newest = self.figures.newest(self.objective.id())?;
        if newest.is_none() && own.coverage == 0.0 && own.good + own.bad == 0 {
            report.burn_rate.clear();
            return Ok(());
        }
        let total = u128::from(report.good) + u128::from(report.bad);
        report.reason = self.stale(newest, &report.burn_rate);
        if report.reason.is_some() {
            report.data = Data::Stale;
            return Ok(());
        }
        report.data = Data::of(report.coverage, total);
        report.alert = alarm.shown();
        report.exhausts_at = exhausts_at(report, self.at);
        Ok(())
    }

    /// The burn windows that are known, and why one of them is not.
    fn rates(&self) -> (Vec<BurnRate>, Option<String>) {
        let (mut rates, mut lost) = (Vec::new(), None);
        for window in windows(&self.fleet.policy) {
            match self.counted(window.as_secs()) {
                Ok(Counted {
                    good,
                    bad,
                    coverage,
                }) => rates.push(BurnRate::new(window, good, bad, coverage)),
                Err(reason) => lost = lost.or(Some(reason)),
            }
        }
        (rates, lost)
    }

    fn counted(&self, window: u64) -> Result<Counted, String> {
        let id = self.objective.id();
        if !is_judged_together(self.objective) {
            let (good, bad) = self.figures.events(id, window)?;
            let coverage = self.figures.coverage(id, window)?;
            return Ok(Counted {
                good,
                bad,
                coverage,
            });
        }
        let (good, bad) = self.figures.slices(id, window)?;
        let slices = window as f64 / self.fleet.slice.as_secs_f64();
        let share = (good + bad) as f64 / slices;
        // One more may end within a window than fits into it.
        if (good + bad) as f64 > slices.floor() + 1.0 {
            let query = Query::Recorded(window).name();
            return Err(format!(
                "{} slices in {query}: more than one server has recorded them",
                good + bad
            ));
        }
        Ok(Counted {
            good,
            bad,
            coverage: share.min(1.0),
        })
    }

    fn stale(&self, newest: Option<f64>, rates: &[BurnRate]) -> Option<String> {
        let mut interval = self.fleet.scrape_interval;
        if is_judged_together(self.objective) {
            interval = interval.max(self.fleet.slice);
            // Slices in which no replica could be seen are known without a sample of any.
            if newest.is_none() && rates.first().is_some_and(BurnRate::is_covered) {
                return None;
            }
        }
        let Some(newest) = newest else {
            return Some("its series have ended".into());
        };
        let age = self.at.as_millisecond() as f64 / 1_000.0 - newest;
        let late = age > (interval * STALE).as_secs_f64();
        let age = Duration::try_from_secs_f64(age.round()).unwrap_or_default();
        late.then(|| format!("the newest sample is {} old", format_duration(age)))
    }
}
