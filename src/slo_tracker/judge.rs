//! What one objective's history says at one moment.

mod burn_down;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::alert::Alarm;
use super::history::{History, Reading};
use super::rows::{Row, Rows};
use super::tiers::{Count, intervals};
use crate::slo::budget::recovers_at;
use crate::slo::maintenance::Maintenance;
use crate::slo::policy::Policy;
use crate::slo::report::{Alert, BurnRate, Data, ObjectiveReport};
use crate::slo::{Kind, Method, Objective, Service, Window};
use crate::store::SliceRow;

/// The windows that people look at, whatever the policy says.
const WINDOWS: [u64; 7] = [300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200];
/// After how many sampling intervals without a sample figures are stale.
const STALE: u64 = 3;
/// What a row in the store tells of, where the objective has no slices of its own.
const ROW: Duration = Duration::from_secs(60);

/// One objective that is tracked.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    objective: Objective,
    interval: Duration,
    windows: Vec<Duration>,
    history: History,
    rows: Rows,
    alarm: Alarm,
}

impl Tracked {
    /// `slice` is how long a time slice is, of objectives that count them.
    pub(crate) fn new(
        objective: &Objective,
        interval: Duration,
        slice: Duration,
        policy: &Policy,
    ) -> Self {
        let sliced = objective.method() == Method::Timeslices;
        let row = if sliced { slice } else { ROW };
        // Workers that beat elsewhere are not down because their receiver is.
        let own = *objective.service() == Service::Api && objective.kind() == Kind::Availability;
        Self {
            rows: Rows::new(intervals(row, interval), sliced && own),
            windows: windows(policy),
            history: History::new(interval, longest(objective)),
            alarm: Alarm::new(objective, policy),
            objective: objective.clone(),
            interval,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.objective.id()
    }

    pub(crate) const fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// The process looks for the first time, whether or not there is an account.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.rows.begin(interval_of(now, self.interval));
    }

    /// Takes the account as it stands; answers the rows to keep.
    pub(super) fn sample(&mut self, now: Timestamp, reading: Reading) -> Vec<Row> {
        let at = interval_of(now, self.interval);
        let more = self.history.sample(at, reading).more;
        self.rows.add(self.history.tiers().now(), more)
    }

    /// Puts what an earlier process has kept before what this one has sampled; answers the row that
    /// both have counted into.
    pub(super) fn restore(&mut self, stored: &[SliceRow]) -> Option<Row> {
        let own = stored.iter().filter(|row| *row.objective == *self.id());
        let rows = own.map(|row| self.read(row)).collect();
        let restored = self.rows.restore(rows);
        let longest = longest(&self.objective);
        self.history.restore(restored.history, longest);
        restored.shared
    }

    /// As the store has it. The length is that part of the slice that was sampled.
    pub(super) fn row(&self, instance: Arc<str>, (slot, count): Row) -> Option<SliceRow> {
        Some(SliceRow {
            instance,
            objective: self.id().into(),
            start: self.time_of(slot * self.rows.length())?,
            length: self.interval.saturating_mul(count.covered),
            good: count.good,
            bad: count.bad,
        })
    }

    fn read(&self, row: &SliceRow) -> Row {
        let covered = intervals(row.length, self.interval);
        let count = Count {
            good: row.good,
            bad: row.bad,
            covered: u32::try_from(covered).unwrap_or(u32::MAX),
        };
        let slot = interval_of(row.start, self.interval) / self.rows.length();
        (slot, count)
    }

    /// From when on the past matters.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        let since = now.checked_sub(longest(&self.objective));
        since.unwrap_or(Timestamp::MIN)
    }

    /// Judges the alert; answers what was raised before, if that is another.
    pub(crate) fn look(&mut self, now: Timestamp, maintenance: &[Maintenance]) -> Option<Alert> {
        let rates = self.rates(now, maintenance);
        self.alarm.look(now, &rates)
    }

    pub(crate) fn report(&self, now: Timestamp, maintenance: &[Maintenance]) -> ObjectiveReport {
        let mut report = ObjectiveReport::of(&self.objective, now);
        if !self.history.is_recorded() {
            return report;
        }
        let (count, covered) = self.whole(now, report.length);
        let left_out = self.left_out_of(now, report.length, maintenance);
        if left_out.total() > 0 {
            report.raw = Some((count.good, count.bad));
        }
        let count = count.since(left_out);
        (report.good, report.bad, report.coverage) = (count.good, count.bad, covered);
        report.data = self.data(now, covered, count);
        report.burn_rate = self.rates(now, maintenance);
        report.alert = self.alarm.shown();
        self.predict(&mut report, now);
        report
    }

    fn data(&self, now: Timestamp, coverage: f64, count: Count) -> Data {
        let age = interval_of(now, self.interval).saturating_sub(self.history.tiers().now());
        if age > STALE {
            Data::Stale
        } else {
            Data::of(coverage, count.total().into())
        }
    }

    /// The window of the objective, and the share of it that has samples; of a calendar window, of the
    /// part that is over.
    fn whole(&self, now: Timestamp, length: Duration) -> (Count, f64) {
        let elapsed = self.elapsed(now, length);
        self.history
            .window(elapsed, interval_of(now, self.interval))
    }

    fn elapsed(&self, now: Timestamp, length: Duration) -> Duration {
        match self.objective.window() {
            Window::Rolling(_) => length,
            Window::Calendar(_) => {
                let start = self.objective.window().span(now).start;
                Duration::try_from(now.duration_since(start)).unwrap_or_default()
            }
        }
    }

    fn rates(&self, now: Timestamp, maintenance: &[Maintenance]) -> Vec<BurnRate> {
        let rate = |window: &Duration| {
            let at = interval_of(now, self.interval);
            let (count, coverage) = self.history.window(*window, at);
            let count = count.since(self.left_out_of(now, *window, maintenance));
            BurnRate::new(*window, count.good, count.bad, coverage)
        };
        self.windows.iter().map(rate).collect()
    }

    fn left_out_of(&self, now: Timestamp, window: Duration, declared: &[Maintenance]) -> Count {
        let end = interval_of(now, self.interval);
        let start = end.saturating_sub(intervals(window, self.interval));
        self.left_out(start, end, declared)
    }

    /// What was counted in declared maintenance within the window. Declared times overlap at most in
    /// error: what two of them share is left out once.
    fn left_out(&self, start: u64, end: u64, declared: &[Maintenance]) -> Count {
        let mut from = start;
        let mut spans: Vec<_> = declared.iter().map(|one| &one.span).collect();
        spans.sort_by_key(|span| span.start);
        let mut sum = Count::default();
        for span in spans {
            let start = interval_of(span.start, self.interval).max(from);
            let stop = interval_of(span.end, self.interval).min(end);
            if start < stop {
                sum = sum.plus(self.history.tiers().between(start, stop));
                from = stop;
            }
        }
        sum
    }

    fn predict(&self, report: &mut ObjectiveReport, now: Timestamp) {
        let budget = report.budget();
        let rolling = matches!(report.window, Window::Rolling(_));
        report.exhausts_at = exhausts_at(report, now);
        let overspent = budget
            .remaining()
            .is_some_and(|left| left < crate::units::Ratio::ZERO);
        if rolling && overspent {
            report.recovers_at = recovers_at(
                self.slices(now, report.length),
                budget.events(),
                report.length,
            );
        }
    }

    fn slices(
        &self,
        now: Timestamp,
        window: Duration,
    ) -> impl Iterator<Item = (Timestamp, u64)> + '_ {
        let end = interval_of(now, self.interval);
        let start = end.saturating_sub(intervals(window, self.interval));
        let slices = self.history.tiers().slices(start, end);
        slices.filter_map(move |(end, count)| Some((self.time_of(end)?.min(now), count.bad)))
    }

    fn time_of(&self, interval: u64) -> Option<Timestamp> {
        let millis = u128::from(interval) * self.interval.as_millis();
        Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
    }
}

/// When the budget is spent at the rate of the last hour: long enough to mean something, short enough to
/// be now.
pub(super) fn exhausts_at(report: &ObjectiveReport, now: Timestamp) -> Option<Timestamp> {
    let hour = Duration::from_secs(3_600);
    let rate = report.burn_rate.iter().find(|rate| rate.window == hour)?;
    let rate = rate.value(report.target)?;
    let budget = report.budget();
    let lasts = if report.window.is_rolling() {
        budget.rolling_lasts(rate)
    } else {
        let end = report.window.span(now).end;
        let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
        budget.calendar_lasts(rate, left)
    };
    now.checked_add(lasts?).ok()
}

/// The policy's windows and those that people look at, each once, shortest first.
pub(super) fn windows(policy: &Policy) -> Vec<Duration> {
    let mut windows: Vec<_> = WINDOWS.map(Duration::from_secs).into();
    windows.extend(policy.windows());
    windows.sort_unstable();
    windows.dedup();
    windows
}

/// A quarter has at most 92 days, and an hour more where clocks are set back.
fn longest(objective: &Objective) -> Duration {
    match objective.window() {
        Window::Rolling(rolling) => rolling.duration(),
        Window::Calendar(_) => Duration::from_secs(93 * 86_400),
    }
}

/// The sampling interval that a time lies in, counted since 1970; nothing is before that.
pub(crate) fn interval_of(time: Timestamp, interval: Duration) -> u64 {
    let since = Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default());
    intervals(since, interval)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::slo::Objectives;

    const TEXT: &str = r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":"30d"}}}"#;
    const INTERVAL: Duration = Duration::from_secs(10);

    pub(super) fn tracked() -> Tracked {
        let objectives = Objectives::parse(&[("api.json", TEXT)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        Tracked::new(objective, INTERVAL, ROW, &Policy::platform())
    }

    pub(super) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Ten events in each interval of two hours, of which those of the second hour are bad.
    pub(super) fn a_bad_hour() -> Tracked {
        let mut tracked = tracked();
        for step in 0..=720 {
            let good = 10 * step.min(360);
            let bad = 10 * (step - step.min(360));
            tracked.sample(at(10 * step as i64), Reading { good, bad });
        }
        tracked
    }

    #[test]
    fn maintenance_is_left_out_and_shown() {
        let declared = Maintenance::new(at(3_600), at(7_200), "move").unwrap();
        let report = a_bad_hour().report(at(7_200), &[declared.clone(), declared]);
        assert_eq!((report.good, report.bad), (3_600, 0));
        assert_eq!(report.raw, Some((3_600, 3_600)));
        let hour = report
            .burn_rate
            .iter()
            .find(|rate| rate.window.as_secs() == 3_600);
        assert_eq!(hour.map(|rate| (rate.good, rate.bad)), Some((0, 0)));
    }

    #[test]
    fn an_overspent_budget_recovers_when_the_bad_hour_has_left_the_window() {
        let report = a_bad_hour().report(at(7_200), &[]);
        assert_eq!((report.good, report.bad), (3_600, 3_600));
        let recovers = report.recovers_at.unwrap();
        assert!(recovers > at(30 * 86_400 + 6_900) && recovers <= at(30 * 86_400 + 7_200));
        assert_eq!(report.exhausts_at, Some(at(7_200)), "it is spent already");
    }

    #[test]
    fn figures_without_a_new_sample_are_stale() {
        let tracked = a_bad_hour();
        assert_eq!(tracked.report(at(7_230), &[]).data, Data::Partial);
        assert_eq!(tracked.report(at(7_240), &[]).data, Data::Stale);
    }

    /// `cargo test --release --lib -- --ignored --nocapture a_thousand`
    #[test]
    #[ignore = "a measurement"]
    fn a_thousand_objectives_are_reported_in_ten_milliseconds() {
        let one = {
            let mut tracked = tracked();
            for step in 0..1_000 {
                let reading = Reading {
                    good: 1_000 * step,
                    bad: step,
                };
                tracked.sample(at(10 * step as i64), reading);
            }
            tracked
        };
        let all: Vec<_> = (0..1_000).map(|_| one.clone()).collect();
        let started = std::time::Instant::now();
        let reports: Vec<_> = all.iter().map(|one| one.report(at(10_000), &[])).collect();
        let took = started.elapsed();
        eprintln!(
            "{} objectives x {} windows: {took:?}",
            reports.len(),
            reports[0].burn_rate.len()
        );
        assert!(took < Duration::from_millis(10), "{took:?}");
    }
}
