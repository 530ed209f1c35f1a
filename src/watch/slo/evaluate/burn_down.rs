//! What remained of a budget over its window.

use jiff::Timestamp;

use super::{Maintenance, Tracked, interval_of};
use crate::model::slo::budget::Budget;
use crate::model::slo::report::ObjectiveReport;
use crate::model::units::Ratio;
use crate::watch::slo::tiers::intervals;

/// Into how many steps a window is cut: as many as a chart or a line of text can show.
const STEPS: u64 = 60;

/// A course that was worked out, and the interval that it ends with.
#[derive(Clone, Debug)]
pub(super) struct Course {
    points: Vec<(Timestamp, Ratio)>,
    end: u64,
}

impl Tracked {
    /// [`burn_down`](Self::burn_down), worked out anew only when a step is over, because that looks at
    /// memory all over the window: until then the last point alone moves.
    pub(crate) fn course(
        &mut self,
        report: &ObjectiveReport,
        now: Timestamp,
        declared: &[Maintenance],
    ) -> Vec<(Timestamp, Ratio)> {
        let end = interval_of(now, self.interval);
        let elapsed = intervals(self.elapsed(now, report.length), self.interval);
        let first = end
            .saturating_sub(elapsed)
            .max(self.history.tiers().first());
        let step = (end.saturating_sub(first) / STEPS).max(1);
        let known = self.course.as_ref();
        let known = known.filter(|known| (known.end..known.end + step).contains(&end));
        if let (Some(known), Some(left)) = (known, report.budget().remaining()) {
            let mut points = known.points.clone();
            points.pop();
            points.push((now, left));
            return points;
        }
        let points = self.burn_down(report, now, declared);
        self.course = (!points.is_empty()).then(|| Course {
            points: points.clone(),
            end,
        });
        points
    }

    /// What remained of the budget at up to 61 moments, from the start of the window, or from the first
    /// sample where that is later, to the moment of the report. The last is what the report says.
    ///
    /// The budget is that of all events of the window so far, so that it can be drawn as one line
    /// downwards. A moment is left out where nobody looked in the step before it.
    pub(crate) fn burn_down(
        &self,
        report: &ObjectiveReport,
        now: Timestamp,
        declared: &[Maintenance],
    ) -> Vec<(Timestamp, Ratio)> {
        let end = interval_of(now, self.interval);
        let elapsed = self.elapsed(now, report.length);
        let start = end.saturating_sub(intervals(elapsed, self.interval));
        let first = start.max(self.history.tiers().first().saturating_sub(1));
        let seen = |(from, to): &(u64, u64)| {
            let step = self.history.tiers().between(*from, *to);
            step.covered > 0 || *to == end
        };
        let ends = steps(first, end).filter(seen).map(|(_, to)| to);
        let moments = [first].into_iter().chain(ends);
        let point = |moment: u64| {
            let counted = self.history.tiers().between(start, moment);
            let bad = counted.since(self.left_out(start, moment, declared)).bad;
            Some((self.time_of(moment)?.min(now), remaining(report, bad)?))
        };
        moments.filter_map(point).collect()
    }
}

/// Steps of the same length, as whole intervals allow; each with its start and its end.
fn steps(start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    let moment = move |step| start + end.saturating_sub(start) * step / STEPS;
    let steps = (0..STEPS).map(move |step| (moment(step), moment(step + 1)));
    steps.filter(|(from, to)| from < to)
}

/// What would remain after so many bad events of all those in the report.
fn remaining(report: &ObjectiveReport, bad: u64) -> Option<Ratio> {
    let all = report.good.saturating_add(report.bad);
    Budget::new(report.target, report.length, all.saturating_sub(bad), bad).remaining()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{a_bad_hour, at, tracked};
    use super::*;
    use crate::watch::slo::history::Reading;

    fn played(tracked: &Tracked, seconds: i64, declared: &[Maintenance]) -> Vec<(i64, Ratio)> {
        let report = tracked.report(at(seconds), declared);
        let points = tracked.burn_down(&report, at(seconds), declared);
        let relative = |time: Timestamp| time.as_second() - at(0).as_second();
        points
            .into_iter()
            .map(|(time, left)| (relative(time), left))
            .collect()
    }

    #[test]
    fn it_starts_whole_and_ends_with_what_the_report_says() {
        let tracked = a_bad_hour();
        let points = played(&tracked, 7_200, &[]);
        let report = tracked.report(at(7_200), &[]);
        assert_eq!(points.len(), 61);
        assert_eq!(points[0].1, Ratio::ONE);
        assert_eq!(points[60], (7_200, report.budget().remaining().unwrap()));
        assert!(points.windows(2).all(|pair| pair[1].1 <= pair[0].1));
        // Nothing was bad in the first hour, and one event in each second of the second one.
        let at_hour = points.iter().rfind(|(time, _)| *time <= 3_600);
        assert_eq!(at_hour.unwrap().1, Ratio::ONE);
        let (time, left) = points[45];
        let bad = u64::try_from(time - 3_600).unwrap();
        assert_eq!(Some(left), remaining(&report, bad));
    }

    #[test]
    fn within_a_step_the_last_point_alone_moves_and_after_it_all_do() {
        let mut tracked = a_bad_hour();
        let course = |tracked: &mut Tracked, seconds| {
            let report = tracked.report(at(seconds), &[]);
            let course = tracked.course(&report, at(seconds), &[]);
            assert_eq!(
                course.last().unwrap().1,
                report.budget().remaining().unwrap()
            );
            course
        };
        let before = course(&mut tracked, 7_200);
        assert_eq!(
            before,
            tracked.burn_down(&tracked.report(at(7_200), &[]), at(7_200), &[])
        );
        tracked.sample(
            at(7_210),
            Reading {
                good: 3_600,
                bad: 3_700,
            },
        );
        let within = course(&mut tracked, 7_210);
        assert_eq!(within[..60], before[..60]);
        assert!(within[60].1 < before[60].1);
        let after = course(&mut tracked, 7_320);
        assert_eq!(
            after,
            tracked.burn_down(&tracked.report(at(7_320), &[]), at(7_320), &[])
        );
        assert_ne!(after[..60], before[..60]);
    }

    #[test]
    fn maintenance_burns_nothing() {
        let declared = Maintenance::new(at(3_600), at(5_400), "move").unwrap();
        let points = played(&a_bad_hour(), 7_200, &[declared]);
        let before = points.iter().rfind(|(time, _)| *time <= 5_400);
        assert_eq!(before.unwrap().1, Ratio::ONE);
        assert!(points.last().unwrap().1.is_negative());
    }

    #[test]
    fn moments_that_nobody_saw_are_left_out() {
        let mut tracked = tracked();
        let hour = |hour: i64| (0..360).map(move |step| 3_600 * hour + 10 * step);
        for (count, second) in hour(0).chain(hour(3)).enumerate() {
            let good = count as u64;
            tracked.sample(at(second), Reading { good, bad: 0 });
        }
        let points = played(&tracked, 14_390, &[]);
        assert!(points.iter().any(|(time, _)| *time > 3_000));
        let silent = |time: &i64| (3_900..10_800).contains(time);
        assert!(!points.iter().any(|(time, _)| silent(time)), "{points:?}");
    }

    #[test]
    fn without_events_there_is_nothing_to_burn() {
        let mut tracked = tracked();
        for step in 0..10 {
            tracked.sample(at(10 * step), Reading::default());
        }
        assert!(played(&tracked, 100, &[]).is_empty());
    }
}
