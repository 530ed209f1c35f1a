//! What one objective's history says at one moment.

mod burn_down;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::burn_down::Course;
use super::alert::Alarm;
use super::history::{History, Reading};
use super::records::{Row, Rows};
use super::tiers::{Count, intervals};
use crate::model::slo::maintenance::Maintenance;
use crate::model::slo::policy::Policy;
use crate::model::slo::report::{Alert, BurnRate, Data, ObjectiveReport};
use crate::model::slo::{Kind, Method, Objective, Service, Window};
use crate::model::units::Ratio;
use crate::store::{NoteRow, SliceRow};

/// The windows that people look at, whatever the policy says.
const WINDOWS: [u64; 7] = [300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200];
/// After how many sampling intervals without a sample figures are stale.
const STALE: u64 = 3;
/// What a row in the store tells of, where the objective has no slices of its own.
const ROW: Duration = Duration::from_secs(60);
/// After how long a note of something that fires is written again, so that no sweep takes it for left
/// behind.
const REWRITE: SignedDuration = SignedDuration::from_hours(1);

/// One objective that is tracked.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    objective: Objective,
    interval: Duration,
    windows: Vec<Duration>,
    history: History,
    rows: Rows,
    alarm: Alarm,
    /// What the store was told last that fires, and when.
    noted: (Arc<str>, Timestamp),
    course: Option<Course>,
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
            noted: ("".into(), Timestamp::MIN),
            course: None,
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
        self.course = None;
        restored.shared
    }

    /// What is known at a moment of somebody who has kept these slices, from those that were seen by then.
    #[cfg(feature = "cli")]
    pub(super) fn of_stored(
        mut self,
        stored: &[SliceRow],
        at: Timestamp,
        maintenance: &[Maintenance],
    ) -> ObjectiveReport {
        // A slice that has not ended tells of the part that somebody saw.
        let seen = |row: &SliceRow| {
            row.start
                .checked_add(row.covered)
                .is_ok_and(|end| end <= at)
        };
        let ours = |row: &&SliceRow| *row.objective == *self.id() && seen(row);
        let known: Vec<_> = stored.iter().filter(ours).cloned().collect();
        // Nobody knows what became of it after its last slice.
        if let Some(last) = known.iter().map(SliceRow::end).max() {
            self.begin(last.min(at));
            self.restore(&known);
            self.look(at, maintenance);
        }
        let mut report = self.report(at, maintenance);
        report.burn_down = self.burn_down(&report, at, maintenance);
        report
    }

    /// Takes up what an earlier process has left about the alert, which may be nothing.
    pub(super) fn recall(&mut self, notes: &[NoteRow]) {
        let subject = self.subject();
        if let Some(note) = notes.iter().find(|note| note.subject == subject) {
            self.alarm.recall(&note.text);
            self.noted = (Arc::clone(&note.text), note.written_at);
        }
    }

    /// What the next process must know about the alert, where the store was told otherwise.
    pub(super) fn note(&mut self, instance: Arc<str>, now: Timestamp) -> Option<NoteRow> {
        let text = self.alarm.note();
        let (told, at) = &self.noted;
        let fresh = text.is_empty() || now.duration_since(*at) < REWRITE;
        if text == **told && fresh {
            return None;
        }
        let text: Arc<str> = text.into();
        self.noted = (Arc::clone(&text), now);
        Some(NoteRow {
            instance,
            subject: self.subject(),
            written_at: now,
            text,
        })
    }

    fn subject(&self) -> Arc<str> {
        format!("alert of {}", self.id()).into()
    }

    /// As the store has it.
    pub(super) fn row(&self, instance: Arc<str>, (slot, count): Row) -> Option<SliceRow> {
        Some(SliceRow {
            instance,
            objective: self.id().into(),
            start: self.time_of(slot * self.rows.length())?,
            length: self.interval.saturating_mul(narrow(self.rows.length())),
            covered: self.interval.saturating_mul(count.covered),
            good: count.good,
            bad: count.bad,
        })
    }

    fn read(&self, row: &SliceRow) -> Row {
        let count = Count {
            good: row.good,
            bad: row.bad,
            covered: narrow(intervals(row.covered, self.interval)),
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
        let elapsed = self.elapsed(now, report.length);
        let left_out = self.left_out_of(now, elapsed, maintenance);
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
        if elapsed < self.interval {
            // The newest sample is of what was before.
            return (Count::default(), 0.0);
        }
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
        let overspent = budget.remaining().is_some_and(|left| left < Ratio::ZERO);
        if rolling && overspent {
            report.recovers_at = self.recovers_at(now, report.length, budget.events());
        }
    }

    /// What [`budget::recovers_at`](crate::model::slo::budget::recovers_at) says of the slices of the coarsest
    /// tier, found in a few steps, because what is left after each of them never grows.
    fn recovers_at(&self, now: Timestamp, window: Duration, permitted: Ratio) -> Option<Timestamp> {
        let end = interval_of(now, self.interval);
        let start = end.saturating_sub(intervals(window, self.interval));
        let tiers = self.history.tiers();
        let over = |slice: u64| {
            let bad = tiers.between(tiers.slice_end(slice), end).bad;
            Ratio::new(bad.into(), 1).is_some_and(|bad| bad > permitted)
        };
        let (mut low, mut high) = tiers.slices(start, end);
        while low < high {
            let middle = low.midpoint(high);
            match over(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let leaves = self.time_of(tiers.slice_end(low))?.min(now);
        leaves.checked_add(window).ok()
    }

    fn time_of(&self, interval: u64) -> Option<Timestamp> {
        let millis = u128::from(interval) * self.interval.as_millis();
        Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
    }
}

fn narrow(intervals: u64) -> u32 {
    u32::try_from(intervals).unwrap_or(u32::MAX)
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
    use crate::model::slo::Objectives;

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
    fn recovery_is_found_where_a_walk_over_all_slices_finds_it() {
        let mut dice = crate::watch::slo::tiers::tests::Dice(11);
        let (mut tracked, mut read) = (tracked(), Reading::default());
        for step in 0..20_000_i64 {
            read.good += dice.below(20);
            read.bad += dice.below(300) / 297;
            tracked.sample(at(10 * step), read);
        }
        let (now, month) = (at(199_990), Duration::from_secs(30 * 86_400));
        let end = interval_of(now, INTERVAL);
        let tiers = tracked.history.tiers();
        let (first, last) = tiers.slices(end.saturating_sub(259_200), end);
        let slices: Vec<_> = (first..=last)
            .map(|slice| {
                let (from, to) = (tiers.slice_end(slice - 1), tiers.slice_end(slice));
                let count = tiers.between(from, to);
                (tracked.time_of(to).unwrap().min(now), count.bad)
            })
            .collect();
        for permitted in [0, 1, 7, read.bad / 2, read.bad - 1] {
            let permitted = Ratio::from(u32::try_from(permitted).unwrap());
            let walked = crate::model::slo::budget::recovers_at(slices.clone(), permitted, month);
            assert!(walked.is_some());
            assert_eq!(tracked.recovers_at(now, month, permitted), walked);
        }
    }

    #[test]
    fn figures_without_a_new_sample_are_stale() {
        let tracked = a_bad_hour();
        assert_eq!(tracked.report(at(7_230), &[]).data, Data::Partial);
        assert_eq!(tracked.report(at(7_240), &[]).data, Data::Stale);
    }

    /// One good event in each of some ten minutes from one moment to another, at every of which `look` is
    /// given the report.
    fn play_calendar(
        window: &str,
        from: &str,
        to: &str,
        mut look: impl FnMut(Timestamp, ObjectiveReport),
    ) {
        let ten = Duration::from_secs(600);
        let text = format!(
            r#"{{"api":{{"error_rate":{{"target":99,"threshold":1,"window":{window}}}}}}}"#
        );
        let objectives = Objectives::parse(&[("api.json", &text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let mut tracked = Tracked::new(objective, ten, ten, &Policy::platform());
        let (mut now, end): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
        for good in 0.. {
            tracked.sample(now, Reading { good, bad: 0 });
            look(now, tracked.report(now, &[]));
            now += ten;
            if now > end {
                break;
            }
        }
    }

    /// The good events of a window at its last sample, and at the first two of the next one.
    fn around(window: &str, from: &str, start: &str, end: &str) -> [u64; 3] {
        let (start, end): (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
        let after = end + Duration::from_secs(600);
        let mut seen = Vec::new();
        play_calendar(window, from, &after.to_string(), |now, report| {
            if now >= end - Duration::from_secs(600) {
                seen.push(report.good);
            }
            if now > start && now < end {
                let since = now.duration_since(start).as_secs() / 600;
                assert_eq!(report.good, since as u64, "{now}");
                assert_eq!((report.coverage, report.data), (1.0, Data::Ok), "{now}");
                let length = end.duration_since(start).unsigned_abs();
                assert_eq!(report.length, length, "{now}");
            }
        });
        seen.try_into().unwrap()
    }

    #[test]
    fn a_month_in_berlin_begins_at_its_own_midnight_and_march_is_an_hour_short() {
        let window = r#"{"calendar":"month","time_zone":"Europe/Berlin"}"#;
        let (start, end) = ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        let expected = (31 * 24 - 1) * 6;
        assert_eq!(
            around(window, "2026-02-25T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn a_week_on_lord_howe_island_is_half_an_hour_longer_when_summer_time_ends() {
        let window = r#"{"calendar":"week","time_zone":"Australia/Lord_Howe"}"#;
        let (start, end) = ("2026-03-29T13:00:00Z", "2026-04-05T13:30:00Z");
        let expected = 7 * 24 * 6 + 3;
        assert_eq!(
            around(window, "2026-03-28T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn a_quarter_in_new_york_is_told_whole_at_its_end() {
        let window = r#"{"calendar":"quarter","time_zone":"America/New_York"}"#;
        let (start, end) = ("2026-10-01T04:00:00Z", "2027-01-01T05:00:00Z");
        let expected = (92 * 24 + 1) * 6;
        assert_eq!(
            around(window, "2026-09-30T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn maintenance_of_last_week_is_not_left_out_of_this_one() {
        let text =
            r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":{"calendar":"week"}}}}"#;
        let objectives = Objectives::parse(&[("api.json", text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let mut tracked = Tracked::new(objective, INTERVAL, ROW, &Policy::platform());
        let monday: Timestamp = "2026-03-30T00:00:00Z".parse().unwrap();
        for step in 0..=720_u64 {
            let now = monday - Duration::from_secs(3_600) + INTERVAL * u32::try_from(step).unwrap();
            tracked.sample(now, Reading { good: step, bad: 0 });
        }
        let half = Duration::from_secs(1_800);
        let declared = Maintenance::new(monday - half, monday + half, "move").unwrap();
        let report = tracked.report(monday + half * 2, &[declared]);
        assert_eq!((report.good, report.raw), (180, Some((360, 0))));
    }

    #[test]
    fn a_restart_within_a_month_keeps_the_month_and_nothing_before_it() {
        let text = r#"{"api":{"error_rate":{"target":99,"threshold":1,
            "window":{"calendar":"month","time_zone":"Europe/Berlin"}}}}"#;
        let objectives = Objectives::parse(&[("api.json", text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let new = || Tracked::new(objective, INTERVAL, ROW, &Policy::platform());
        let midnight: Timestamp = "2026-03-31T22:00:00Z".parse().unwrap();
        let (mut before, mut rows) = (new(), std::collections::BTreeMap::new());
        let start = midnight - Duration::from_secs(3_600);
        before.begin(start);
        before.restore(&[]);
        for step in 0..=720_u64 {
            let now = start + INTERVAL * u32::try_from(step).unwrap();
            for row in before.sample(now, Reading { good: step, bad: 0 }) {
                rows.insert(row.0, before.row("i".into(), row).unwrap());
            }
        }
        let now = midnight + Duration::from_secs(3_600);
        let mut after = new();
        after.begin(now);
        after.sample(now, Reading::default());
        after.restore(&rows.into_values().collect::<Vec<_>>());
        let (old, new) = (before.report(now, &[]), after.report(now, &[]));
        assert_eq!((old.good, new.good), (360, 360));
        assert_eq!((old.coverage, new.coverage), (1.0, 1.0));
    }
}
