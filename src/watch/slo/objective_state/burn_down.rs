//! The burn-down of a budget over its window.

use jiff::Timestamp;

use super::{ObjectiveState, SloMaintenance, interval_at};
use crate::model::slo::report::ObjectiveReport;
use crate::model::units::Ratio;
use crate::watch::slo::evaluate::{BURN_DOWN_STEPS, burn_down};
use crate::watch::slo::tiers::intervals;

/// A computed burn-down, and the interval that it ends with.
#[derive(Clone, Debug)]
pub(super) struct CachedBurnDown {
    points: Vec<(Timestamp, Ratio)>,
    end: u64,
}

impl ObjectiveState {
    /// Returns [`burn_down`](Self::burn_down), computed anew only when a step is over, because that reads
    /// memory all over the window: until then the last point alone moves.
    pub(crate) fn cached_burn_down(
        &mut self,
        report: &ObjectiveReport,
        now: Timestamp,
        maintenance: &[SloMaintenance],
    ) -> Vec<(Timestamp, Ratio)> {
        let end = interval_at(now, self.interval);
        let elapsed = intervals(report.window.elapsed_at(now), self.interval);
        let first = end
            .saturating_sub(elapsed)
            .max(self.history.tiers().oldest());
        let step = (end.saturating_sub(first) / BURN_DOWN_STEPS).max(1);
        let cached = self.burn_down_cache.as_ref();
        let cached = cached.filter(|cached| (cached.end..cached.end + step).contains(&end));
        if let (Some(cached), Some(left)) = (cached, report.budget().remaining()) {
            let mut points = cached.points.clone();
            points.pop();
            points.push((now, left));
            return points;
        }
        let points = self.burn_down(report, now, maintenance);
        self.burn_down_cache = (!points.is_empty()).then(|| CachedBurnDown {
            points: points.clone(),
            end,
        });
        points
    }

    /// Returns the remaining budget at up to 61 moments, from the start of the window, or from the first
    /// sample where that is later, to the moment of the report. The last is that of the report.
    ///
    /// A moment is left out where the step before it has no samples.
    pub(crate) fn burn_down(
        &self,
        report: &ObjectiveReport,
        now: Timestamp,
        maintenance: &[SloMaintenance],
    ) -> Vec<(Timestamp, Ratio)> {
        let end = interval_at(now, self.interval);
        let elapsed = intervals(report.window.elapsed_at(now), self.interval);
        let start = end.saturating_sub(elapsed);
        let first = start.max(self.history.tiers().oldest().saturating_sub(1));
        let is_covered = |(from, to): &(u64, u64)| {
            let step = self.history.tiers().between(*from, *to);
            step.covered > 0 || *to == end
        };
        let ends = steps(first, end).filter(is_covered).map(|(_, to)| to);
        let moments = [first].into_iter().chain(ends);
        let bad_events = moments.filter_map(|moment| {
            let counted = self.history.tiers().between(start, moment);
            let excluded = self.excluded_between(start, moment, maintenance);
            let bad = counted.saturating_sub(excluded).bad;
            Some((self.interval_time(moment)?.min(now), bad))
        });
        burn_down(report, bad_events)
    }
}

/// Returns steps of the same length, as whole intervals allow; each with its start and its end.
fn steps(start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    let moment = move |step| start + end.saturating_sub(start) * step / BURN_DOWN_STEPS;
    let steps = (0..BURN_DOWN_STEPS).map(move |step| (moment(step), moment(step + 1)));
    steps.filter(|(from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, objective_state, with_bad_hour};
    use super::*;
    use crate::watch::slo::history::CounterSample;

    fn relative_points(
        objective_state: &ObjectiveState,
        seconds: i64,
        maintenance: &[SloMaintenance],
    ) -> Vec<(i64, Ratio)> {
        let report = objective_state.report(at(seconds), maintenance);
        let points = objective_state.burn_down(&report, at(seconds), maintenance);
        let relative = |time: Timestamp| time.as_second() - at(0).as_second();
        points
            .into_iter()
            .map(|(time, left)| (relative(time), left))
            .collect()
    }

    #[test]
    fn it_starts_whole_and_ends_with_the_budget_of_the_report() {
        let objective_state = with_bad_hour();
        let points = relative_points(&objective_state, 7_200, &[]);
        let report = objective_state.report(at(7_200), &[]);
        assert_eq!(points.len(), 61);
        assert_eq!(points[0].1, Ratio::ONE);
        assert_eq!(points[60], (7_200, report.budget().remaining().unwrap()));
        assert!(points.windows(2).all(|pair| pair[1].1 <= pair[0].1));
        // Nothing was bad in the first hour, and one event in each second of the second one.
        let at_hour = points.iter().rfind(|(time, _)| *time <= 3_600);
        assert_eq!(at_hour.unwrap().1, Ratio::ONE);
        let (time, left) = points[45];
        let bad = u64::try_from(time - 3_600).unwrap();
        assert_eq!([(at(time), left)], *burn_down(&report, [(at(time), bad)]));
    }

    #[test]
    fn within_a_step_the_last_point_alone_moves_and_after_it_all_do() {
        let mut objective_state = with_bad_hour();
        let burn_down_at = |objective_state: &mut ObjectiveState, seconds| {
            let report = objective_state.report(at(seconds), &[]);
            let burn_down = objective_state.cached_burn_down(&report, at(seconds), &[]);
            assert_eq!(
                burn_down.last().unwrap().1,
                report.budget().remaining().unwrap()
            );
            burn_down
        };
        let before = burn_down_at(&mut objective_state, 7_200);
        assert_eq!(
            before,
            objective_state.burn_down(&objective_state.report(at(7_200), &[]), at(7_200), &[])
        );
        objective_state.sample(
            at(7_210),
            CounterSample {
                good: 3_600,
                bad: 3_700,
            },
        );
        let within = burn_down_at(&mut objective_state, 7_210);
        assert_eq!(within[..60], before[..60]);
        assert!(within[60].1 < before[60].1);
        let after = burn_down_at(&mut objective_state, 7_320);
        assert_eq!(
            after,
            objective_state.burn_down(&objective_state.report(at(7_320), &[]), at(7_320), &[])
        );
        assert_ne!(after[..60], before[..60]);
    }

    #[test]
    fn maintenance_burns_nothing() {
        let maintenance = SloMaintenance::new(at(3_600), at(5_400), "move").unwrap();
        let points = relative_points(&with_bad_hour(), 7_200, &[maintenance]);
        let before = points.iter().rfind(|(time, _)| *time <= 5_400);
        assert_eq!(before.unwrap().1, Ratio::ONE);
        assert!(points.last().unwrap().1.is_negative());
    }

    #[test]
    fn steps_without_samples_are_left_out() {
        let mut objective_state = objective_state();
        let hour = |hour: i64| (0..360).map(move |step| 3_600 * hour + 10 * step);
        for (count, second) in hour(0).chain(hour(3)).enumerate() {
            let good = count as u64;
            objective_state.sample(at(second), CounterSample { good, bad: 0 });
        }
        let points = relative_points(&objective_state, 14_390, &[]);
        assert!(points.iter().any(|(time, _)| *time > 3_000));
        let silent = |time: &i64| (3_900..10_800).contains(time);
        assert!(!points.iter().any(|(time, _)| silent(time)), "{points:?}");
    }

    #[test]
    fn without_events_there_is_nothing_to_burn() {
        let mut objective_state = objective_state();
        for step in 0..10 {
            objective_state.sample(at(10 * step), CounterSample::default());
        }
        assert!(relative_points(&objective_state, 100, &[]).is_empty());
    }
}
