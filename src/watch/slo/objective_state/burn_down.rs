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
    /// The interval at which it was computed in full.
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
        let (first, end) = self.burn_down_range(report, now);
        let step = step_length(first, end);
        let cached = self.burn_down_cache.as_ref();
        let cached = cached.filter(|cached| (cached.end..cached.end + step).contains(&end));
        if let (Some(cached), Some(left)) = (cached, report.budget().remaining()) {
            let mut points = cached.points.clone();
            // The last point is the present one, and moves with each report.
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
    /// A moment is left out where the step before it has no samples. No two neighbours are twice as far apart
    /// as two others are, but for such gaps.
    pub(crate) fn burn_down(
        &self,
        report: &ObjectiveReport,
        now: Timestamp,
        maintenance: &[SloMaintenance],
    ) -> Vec<(Timestamp, Ratio)> {
        let (first, end) = self.burn_down_range(report, now);
        let start = end.saturating_sub(intervals(report.elapsed, self.interval));
        // A step without samples says nothing; the last one is shown as the report has it.
        let is_sampled = |(from, to): &(u64, u64)| self.has_samples(*from, *to) || *to == end;
        let ends = steps(first, end).filter(is_sampled).map(|(_, to)| to);
        let moments = [first].into_iter().chain(ends);
        let bad_events = moments.filter_map(|moment| {
            let bad = self.counted(start, moment, maintenance).count.bad;
            Some((self.interval_time(moment)?.min(now), bad))
        });
        burn_down(report, bad_events)
    }

    /// Returns the intervals of the first moment, before the first sample, and of the last.
    fn burn_down_range(&self, report: &ObjectiveReport, now: Timestamp) -> (u64, u64) {
        let end = interval_at(now, self.interval);
        let start = end.saturating_sub(intervals(report.elapsed, self.interval));
        let oldest = self.history.tiers().oldest().saturating_sub(1);
        (start.max(oldest.min(self.history.start())).min(end), end)
    }

    /// Returns whether there are samples between two intervals. What a process has stored is known by whole
    /// rows alone, so that one that ends later counts, and the very first sample covers nothing but is there.
    fn has_samples(&self, from: u64, to: u64) -> bool {
        let row = self.records.intervals_per_slice();
        let tiers = self.history.tiers();
        let is_first = (from + 1..=to).contains(&tiers.oldest());
        is_first || tiers.between(from, to.div_ceil(row) * row).covered > 0
    }
}

/// Returns the length of a step in whole intervals, of which there are at most 60.
fn step_length(start: u64, end: u64) -> u64 {
    end.saturating_sub(start).div_ceil(BURN_DOWN_STEPS).max(1)
}

/// Returns steps, each with its start and its end, of the same length but for the first: what is left over
/// is added to it where that is less than half a step, and is the first itself where it is more.
fn steps(start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    let step = step_length(start, end);
    let (whole, rest) = (
        end.saturating_sub(start) / step,
        end.saturating_sub(start) % step,
    );
    let is_own = rest * 2 > step || whole == 0;
    let count = whole + u64::from(rest > 0 && is_own);
    (0..count).map(move |index| {
        let to = end - step * (count - 1 - index);
        let from = if index == 0 { start } else { to - step };
        (from, to)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, objective_state, overspent, with_bad_hour};
    use super::*;
    use crate::watch::slo::history::CounterSample;

    fn relative_points(
        objective_state: &ObjectiveState,
        seconds: i64,
        maintenance: &[SloMaintenance],
    ) -> Vec<(i64, Ratio)> {
        let report = objective_state.report(at(seconds), maintenance);
        assert_eq!(report.elapsed, report.length);
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
        // 721 intervals by 13 of them.
        assert_eq!(points.len(), 56);
        assert_eq!(points[0].1, Ratio::ONE);
        assert_eq!(points[55], (7_200, report.budget().remaining().unwrap()));
        assert!(points.windows(2).all(|pair| pair[1].1 <= pair[0].1));
        // Nothing was bad in the first hour, and one event in each second of the second one.
        let at_hour = points.iter().rfind(|(time, _)| *time <= 3_600);
        assert_eq!(at_hour.unwrap().1, Ratio::ONE);
        let (time, left) = points[41];
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
        assert_eq!(within[..55], before[..55]);
        assert!(within[55].1 < before[55].1);
        let after = burn_down_at(&mut objective_state, 7_330);
        assert_eq!(
            after,
            objective_state.burn_down(&objective_state.report(at(7_330), &[]), at(7_330), &[])
        );
        assert_ne!(after[..55], before[..55]);
    }

    #[test]
    fn maintenance_burns_nothing() {
        let maintenance = SloMaintenance::new(at(3_600), at(5_400), "move").unwrap();
        let points = relative_points(&overspent(), 7_200, &[maintenance]);
        let before = points.iter().rfind(|(time, _)| *time <= 5_400);
        assert_eq!(before.unwrap().1, Ratio::ONE);
        assert!(points.last().unwrap().1.is_negative());
    }

    /// The longest and the shortest time between two neighbours.
    fn distances(points: &[(i64, Ratio)]) -> (i64, i64) {
        let distances = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let (longest, shortest) = (distances.clone().max(), distances.min());
        (longest.unwrap(), shortest.unwrap())
    }

    #[test]
    fn a_young_process_has_no_gaps_at_any_age() {
        let mut objective_state = objective_state();
        for step in 0..=800_i64 {
            let good = 1 + step.unsigned_abs();
            objective_state.sample(at(10 * step), CounterSample { good, bad: 0 });
            for second in [0, 9].map(|more| 10 * step + more) {
                let points = relative_points(&objective_state, second, &[]);
                if step == 0 {
                    assert!(points.is_empty(), "nothing is seen yet");
                    continue;
                }
                assert_eq!(points[0], (-10, Ratio::ONE));
                assert!(points.len() <= 62, "{}", points.len());
                let (longest, shortest) = distances(&points);
                assert!(longest < 2 * shortest, "{second}: {longest} {shortest}");
            }
        }
    }

    #[test]
    fn a_restart_leaves_no_gaps_between_rows_of_minutes() {
        for minutes in [3, 9, 12, 40, 400] {
            let (mut before, mut rows) = (objective_state(), std::collections::BTreeMap::new());
            before.start(at(0));
            before.restore(&[]);
            let steps = 6 * minutes + 2;
            for step in 0..=steps {
                let sample = CounterSample { good: step, bad: 0 };
                for row in before.sample(at(10 * step.cast_signed()), sample) {
                    rows.insert(row.slot, before.slice_row("one".into(), row).unwrap());
                }
            }
            let mut after = objective_state();
            let now = 10 * steps.cast_signed();
            after.start(at(now));
            after.sample(at(now), CounterSample::default());
            after.restore(&rows.into_values().collect::<Vec<_>>());
            for step in 1..=12_i64 {
                let good = step.unsigned_abs();
                after.sample(at(now + 10 * step), CounterSample { good, bad: 0 });
                let points = relative_points(&after, now + 10 * step, &[]);
                let (longest, shortest) = distances(&points);
                assert!(longest < 2 * shortest, "{minutes}: {longest} {shortest}");
            }
        }
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
