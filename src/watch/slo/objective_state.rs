//! One tracked objective: its history, its alert and its rows in the store.

mod burn_down;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::burn_down::CachedBurnDown;
use super::alert::BurnRateAlert;
use super::counted::CountedSpan;
use super::evaluate::{MAX_STALE_INTERVALS, WindowCounts, burn_rate_windows, evaluate};
use super::history::{CounterSample, ObjectiveHistory};
use super::records::{SliceRecord, SliceRecords};
use super::tiers::{EventCount, intervals, saturating_u32};
use crate::model::slo::budget::SeenTime;
use crate::model::slo::maintenance::SloMaintenance;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{AlertState, BurnRate, ObjectiveReport};
use crate::model::slo::{BudgetingMethod, Objective, ObjectiveKind, ServiceKey, SloWindow};
use crate::model::units::Ratio;
use crate::record::clock::saturating_step;
use crate::store::{AlertStateRow, SliceRow};

/// The length of a slice in the store of an objective that has no slices of its own.
const RECORD_LENGTH: Duration = Duration::from_secs(60);
/// The interval after which the state of a firing alert is written again, so that retention doesn't take
/// it for left behind.
const ALERT_REWRITE_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// The state of one tracked objective.
#[derive(Clone, Debug)]
pub(crate) struct ObjectiveState {
    objective: Objective,
    interval: Duration,
    slice: Duration,
    /// Shortest first.
    windows: Vec<Duration>,
    history: ObjectiveHistory,
    records: SliceRecords,
    alert: BurnRateAlert,
    /// The alert state that was stored last, and its time.
    stored_alert: (Arc<str>, Timestamp),
    /// `None` before the first report, and after a restore, which changes the past.
    burn_down_cache: Option<CachedBurnDown>,
}

impl ObjectiveState {
    /// Returns the state of a new objective. `slice` is the length of a time slice, of objectives that count
    /// them.
    pub(crate) fn new(
        objective: &Objective,
        interval: Duration,
        slice: Duration,
        policy: &BurnRatePolicy,
    ) -> Self {
        let sliced = objective.method() == BudgetingMethod::Timeslices;
        let row = if sliced { slice } else { RECORD_LENGTH };
        // Workers that beat elsewhere are not down because their receiver is.
        let own = *objective.service() == ServiceKey::Api
            && objective.kind() == ObjectiveKind::Availability;
        let longest = longest_window(objective);
        Self {
            records: SliceRecords::new(
                intervals(row, interval),
                intervals(longest, interval),
                sliced && own,
            ),
            windows: burn_rate_windows(policy),
            history: ObjectiveHistory::new(interval, longest),
            alert: BurnRateAlert::new(objective, policy),
            stored_alert: ("".into(), Timestamp::MIN),
            burn_down_cache: None,
            objective: objective.clone(),
            interval,
            slice,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.objective.id()
    }

    pub(crate) const fn alert(&self) -> &BurnRateAlert {
        &self.alert
    }

    /// Records the start of the process, whether or not the objective has counters.
    pub(crate) fn start(&mut self, now: Timestamp) {
        self.records.start(interval_at(now, self.interval));
    }

    /// Follows a clock that was set by `step` to `now`, and returns the row that is to be stored anew. Ages stay
    /// what they were, but for the time of a step forward, of which nothing is known.
    pub(super) fn follow_step(
        &mut self,
        step: SignedDuration,
        now: Timestamp,
    ) -> Option<SliceRecord> {
        let expected = saturating_step(now, -step);
        let interval = |at| interval_at(at, self.interval);
        let (from, to) = (interval(expected), interval(now));
        self.history.follow_step(from, to);
        self.alert.follow_step(step);
        self.stored_alert.1 = saturating_step(self.stored_alert.1, step);
        self.burn_down_cache = None;
        self.records.follow_step(from, to)
    }

    /// Begins anew, as the next process would: what was counted before is in the store.
    pub(super) fn restart(&mut self, now: Timestamp) {
        let at = interval_at(now, self.interval);
        self.history.restart(at);
        self.records.restart(at);
        self.burn_down_cache = None;
    }

    /// Adds a sample and returns the rows to store.
    pub(super) fn sample(&mut self, now: Timestamp, sample: CounterSample) -> Vec<SliceRecord> {
        let at = interval_at(now, self.interval);
        let delta = self.history.sample(at, sample);
        self.records.add(self.history.tiers().newest(), delta)
    }

    /// Puts the slices of an earlier process before the samples of this one, and returns the row that both
    /// have counted into, and the slices in which the process was down.
    pub(super) fn restore(&mut self, stored: &[SliceRow]) -> (Option<SliceRecord>, Vec<u64>) {
        let own = stored.iter().filter(|row| *row.objective == *self.id());
        let rows = own.map(|row| self.slice_record(row)).collect();
        let restored = self.records.restore(rows);
        self.history.restore(restored.history);
        self.burn_down_cache = None;
        (restored.shared, restored.downtime)
    }

    /// Returns the report of an instance at a moment, from the stored slices that were covered by then.
    #[cfg(feature = "cli")]
    pub(super) fn report_from_slices(
        mut self,
        stored: &[SliceRow],
        at: Timestamp,
        maintenance: &[SloMaintenance],
    ) -> ObjectiveReport {
        // A slice that has not ended counts for its covered part.
        let is_visible = |row: &SliceRow| {
            row.start
                .checked_add(row.covered)
                .is_ok_and(|end| end <= at)
        };
        let is_ours = |row: &&SliceRow| *row.objective == *self.id() && is_visible(row);
        let visible: Vec<_> = stored.iter().filter(is_ours).cloned().collect();
        // Nobody knows what became of it after its last slice.
        if let Some(last) = visible.iter().map(SliceRow::end).max() {
            self.start(last.min(at));
            self.restore(&visible);
            self.evaluate_alert(at, maintenance);
        }
        let mut report = self.report(at, maintenance);
        report.burn_down = self.burn_down(&report, at, maintenance);
        report
    }

    /// Restores the alert that an earlier process has stored, if there is one.
    pub(super) fn restore_alert(&mut self, rows: &[AlertStateRow]) {
        let subject = self.alert_subject();
        if let Some(row) = rows.iter().find(|row| row.subject == subject) {
            self.alert.restore(&row.text);
            self.stored_alert = (Arc::clone(&row.text), row.written_at);
        }
    }

    /// Returns the row of the alert for the next process, if it differs from the stored one.
    pub(super) fn changed_alert_row(
        &mut self,
        instance: Arc<str>,
        now: Timestamp,
    ) -> Option<AlertStateRow> {
        let text = self.alert.to_json();
        let (stored, at) = &self.stored_alert;
        // An alert that does not fire needs no rewriting: a row without text says nothing that
        // could be lost.
        let fresh = text.is_empty() || now.duration_since(*at) < ALERT_REWRITE_INTERVAL;
        if text == **stored && fresh {
            return None;
        }
        let text: Arc<str> = text.into();
        self.stored_alert = (Arc::clone(&text), now);
        Some(AlertStateRow {
            instance,
            subject: self.alert_subject(),
            written_at: now,
            text,
        })
    }

    /// Returns the key of the alert's row.
    fn alert_subject(&self) -> Arc<str> {
        format!("alert of {}", self.id()).into()
    }

    /// Returns a slice as a row of the store. Rows of later eras begin as many milliseconds later: stores tell
    /// rows by their start, and the slice that they are of stays the same.
    pub(super) fn slice_row(&self, instance: Arc<str>, record: SliceRecord) -> Option<SliceRow> {
        let intervals_per_slice = self.records.intervals_per_slice();
        let intervals = record.slots.saturating_mul(intervals_per_slice);
        let slice = self
            .interval
            .saturating_mul(saturating_u32(intervals_per_slice));
        let era = Duration::from_millis(record.era.into());
        let start = self.interval_time(record.slot * intervals_per_slice)?;
        Some(SliceRow {
            instance,
            objective: self.id().into(),
            start: start
                .checked_add(era.min(slice.saturating_sub(Duration::from_millis(1))))
                .ok()?,
            length: self.interval.saturating_mul(saturating_u32(intervals)),
            covered: self.interval.saturating_mul(record.count.covered),
            good: record.count.good,
            bad: record.count.bad,
        })
    }

    fn slice_record(&self, row: &SliceRow) -> SliceRecord {
        let intervals_per_slice = self.records.intervals_per_slice();
        let slot = interval_at(row.start, self.interval) / intervals_per_slice;
        let start = self.interval_time(slot * intervals_per_slice);
        let era = start.map_or(0, |start| row.start.duration_since(start).as_millis());
        SliceRecord {
            slot,
            slots: (intervals(row.length, self.interval) / intervals_per_slice).max(1),
            era: u32::try_from(era).unwrap_or(u32::MAX),
            count: EventCount {
                good: row.good,
                bad: row.bad,
                covered: saturating_u32(intervals(row.covered, self.interval)),
            },
        }
    }

    /// Returns the start of the history that matters at `now`.
    pub(super) fn history_start(&self, now: Timestamp) -> Timestamp {
        let since = now.checked_sub(longest_window(&self.objective));
        since.unwrap_or(Timestamp::MIN)
    }

    /// Evaluates the alert and returns the state before, if it has changed.
    pub(crate) fn evaluate_alert(
        &mut self,
        now: Timestamp,
        maintenance: &[SloMaintenance],
    ) -> Option<AlertState> {
        let rates = self.burn_rates(now, maintenance);
        self.alert.update(now, &rates)
    }

    /// Returns the report of a moment; absent before anything was sampled.
    pub(crate) fn report(&self, now: Timestamp, maintenance: &[SloMaintenance]) -> ObjectiveReport {
        if !self.history.has_samples() {
            return ObjectiveReport::new(&self.objective, now);
        }
        let elapsed = self.objective.window().elapsed_at(now);
        let counted = self.counted_window(now, elapsed, maintenance);
        let age = interval_at(now, self.interval).saturating_sub(self.history.tiers().newest());
        let mut report = evaluate(
            &self.objective,
            now,
            WindowCounts {
                good: counted.count.good,
                bad: counted.count.bad,
                coverage: counted.coverage(),
                seen: Some(self.seen_time(now, &counted, maintenance)),
                slice: self.slice,
            },
            self.burn_rates(now, maintenance),
            self.alert.state(),
            age > MAX_STALE_INTERVALS.into(),
        );
        // Shown beside the judged counts, so that nobody can say that maintenance hides something.
        report.raw = counted.raw().map(|raw| (raw.good, raw.bad));
        let budget = report.budget();
        if report.window.is_rolling()
            && budget.remaining().is_some_and(Ratio::is_negative)
            && let Some(permitted) = budget.event_budget()
        {
            report.recovers_at = self.recovers_at(now, report.length, permitted, maintenance);
        }
        report
    }

    /// Returns the counts of the elapsed part of the objective's window.
    fn counted_window(
        &self,
        now: Timestamp,
        elapsed: Duration,
        maintenance: &[SloMaintenance],
    ) -> CountedSpan {
        let end = interval_at(now, self.interval);
        if elapsed < self.interval {
            // The newest sample is of what was before.
            return CountedSpan::default();
        }
        self.counted(
            end.saturating_sub(intervals(elapsed, self.interval)),
            end,
            maintenance,
        )
    }

    /// Returns how much of the whole window has samples, of which this is the elapsed part.
    fn seen_time(
        &self,
        now: Timestamp,
        elapsed: &CountedSpan,
        maintenance: &[SloMaintenance],
    ) -> SeenTime {
        let range = self.objective.window().range_at(now);
        let (start, end) = (
            interval_at(range.start, self.interval),
            interval_at(range.end, self.interval),
        );
        let excluded = maintenance_spans(start, end, self.interval, maintenance);
        let excluded = excluded.map(|(start, end)| end - start).sum();
        let time = |intervals| self.interval.saturating_mul(saturating_u32(intervals));
        SeenTime::new(
            time(elapsed.covered()),
            range.duration().saturating_sub(time(excluded)),
        )
    }

    /// Returns the burn rates of all windows, without declared maintenance.
    fn burn_rates(&self, now: Timestamp, maintenance: &[SloMaintenance]) -> Vec<BurnRate> {
        let end = interval_at(now, self.interval);
        let rate = |window: &Duration| {
            let start = end.saturating_sub(intervals(*window, self.interval).max(1));
            let counted = self.counted(start, end, maintenance);
            let first = self.history.start();
            let reach = match first <= start {
                true => 1.0,
                false => self
                    .counted(first.min(end), end, maintenance)
                    .share_of(&counted),
            };
            let count = counted.count;
            BurnRate::new(*window, count.good, count.bad, counted.coverage()).with_reach(reach)
        };
        self.windows.iter().map(rate).collect()
    }

    /// Returns the counts after `start` up to and including `end`, without those of declared maintenance.
    fn counted(&self, start: u64, end: u64, maintenance: &[SloMaintenance]) -> CountedSpan {
        let tiers = self.history.tiers();
        let mut span = CountedSpan::new(tiers.between(start, end), end.saturating_sub(start));
        for (start, end) in maintenance_spans(start, end, self.interval, maintenance) {
            span.exclude(tiers.between(start, end), end - start);
        }
        span
    }

    /// Returns the [`recovery_time`](crate::model::slo::budget::recovery_time) of the slices of the coarsest
    /// tier, without declared maintenance; found by bisection, because what is left after each of them never
    /// grows.
    fn recovers_at(
        &self,
        now: Timestamp,
        window: Duration,
        permitted: Ratio,
        maintenance: &[SloMaintenance],
    ) -> Option<Timestamp> {
        let end = interval_at(now, self.interval);
        let start = end.saturating_sub(intervals(window, self.interval));
        let tiers = self.history.tiers();
        let exceeds_budget = |slice: u64| {
            let left = self.counted(tiers.slice_end(slice), end, maintenance);
            let bad = left.count.bad;
            Ratio::new(bad.into(), 1).is_some_and(|bad| bad > permitted)
        };
        let (mut low, mut high) = tiers.slices(start, end);
        while low < high {
            let middle = low.midpoint(high);
            match exceeds_budget(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let leaves = self.interval_time(tiers.slice_end(low))?.min(now);
        leaves.checked_add(window).ok()
    }

    /// Returns the time at which an interval begins; `None` beyond the calendar.
    fn interval_time(&self, interval: u64) -> Option<Timestamp> {
        let millis = u128::from(interval) * self.interval.as_millis();
        Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
    }
}

/// Returns the spans of declared maintenance between two intervals, as intervals. Declared times overlap at
/// most in error: what two of them share is there once.
fn maintenance_spans(
    start: u64,
    end: u64,
    interval: Duration,
    maintenance: &[SloMaintenance],
) -> impl Iterator<Item = (u64, u64)> {
    let mut spans: Vec<_> = maintenance.iter().map(|one| one.range).collect();
    spans.sort_by_key(|span| span.start);
    let mut from = start;
    spans.into_iter().filter_map(move |span| {
        let begin = interval_at(span.start, interval).max(from);
        let stop = interval_at(span.end, interval).min(end);
        (begin < stop).then(|| {
            from = stop;
            (begin, stop)
        })
    })
}

/// Returns the longest length of the window. A quarter has at most 92 days, and an hour more where clocks
/// are set back.
fn longest_window(objective: &Objective) -> Duration {
    match objective.window() {
        SloWindow::Rolling(rolling) => rolling.duration(),
        SloWindow::Calendar(_) => Duration::from_secs(93 * 86_400),
    }
}

/// Returns the number of the sampling interval that a time lies in, counted since 1970; earlier times are
/// in the first.
pub(crate) fn interval_at(time: Timestamp, interval: Duration) -> u64 {
    let since = Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default());
    intervals(since, interval)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::slo::Objectives;
    use crate::model::slo::report::DataQuality;

    const TARGET_99: &str = r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":"30d"}}}"#;
    const TARGET_99_99: &str =
        r#"{"api":{"error_rate":{"target":99.99,"threshold":0.01,"window":"30d"}}}"#;
    const INTERVAL: Duration = Duration::from_secs(10);

    pub(super) fn objective_state() -> ObjectiveState {
        state_of(TARGET_99)
    }

    fn state_of(text: &str) -> ObjectiveState {
        let objectives = Objectives::parse(&[("api.json", text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        ObjectiveState::new(
            objective,
            INTERVAL,
            RECORD_LENGTH,
            &BurnRatePolicy::platform(),
        )
    }

    pub(super) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Ten events in each interval of two hours, of which those of the second hour are bad.
    pub(super) fn with_bad_hour() -> ObjectiveState {
        with_bad_hour_of(TARGET_99)
    }

    /// The same, which is more than the budget of the month.
    pub(super) fn overspent() -> ObjectiveState {
        with_bad_hour_of(TARGET_99_99)
    }

    fn with_bad_hour_of(text: &str) -> ObjectiveState {
        let mut objective_state = state_of(text);
        for step in 0..=720 {
            let good = 10 * step.min(360);
            let bad = 10 * (step - step.min(360));
            objective_state.sample(at(10 * step as i64), CounterSample { good, bad });
        }
        objective_state
    }

    #[test]
    fn a_bad_hour_of_the_first_two_is_an_hour_of_the_month() {
        let report = with_bad_hour().report(at(7_200), &[]);
        assert_eq!(report.coverage, 1.0 / 360.0);
        assert_eq!(report.seen().seen(), Duration::from_secs(7_200));
        // An hour of 7 h 12 min.
        assert_eq!(report.budget().consumed(), Ratio::new(10, 72));
        assert_eq!(report.budget().sli(), Ratio::new(1, 2));
        let words = Some("collecting data, 2 h of 30 d");
        assert_eq!(report.collecting_text().as_deref(), words);
    }

    #[test]
    fn maintenance_is_no_part_of_the_time_that_was_seen() {
        // Half of the bad hour; nothing changes where the process was down meanwhile.
        let maintenance = [SloMaintenance::new(at(5_400), at(7_200), "move").unwrap()];
        let report = with_bad_hour().report(at(7_200), &maintenance);
        let mut down = objective_state();
        for step in 0..=540 {
            let good = 10 * step.min(360);
            let bad = 10 * (step - step.min(360));
            down.sample(at(10 * step as i64), CounterSample { good, bad });
        }
        let down = down.report(at(7_200), &maintenance);
        for report in [report, down] {
            let window = Duration::from_secs(30 * 86_400 - 1_800);
            assert_eq!(
                report.seen(),
                SeenTime::new(Duration::from_secs(5_400), window)
            );
            assert_eq!(report.coverage, 540.0 / 259_020.0);
            assert_eq!((report.good, report.bad), (3_600, 1_800));
            // Half an hour, of a hundredth of the window without the maintenance.
            assert_eq!(
                report.budget().consumed(),
                Ratio::new(1_800 * 100, 2_590_200)
            );
        }
    }

    #[test]
    fn a_window_that_is_maintenance_as_a_whole_misses_nothing() {
        let maintenance = [SloMaintenance::new(at(0), at(7_200), "move").unwrap()];
        let mut objective_state = with_bad_hour();
        objective_state.evaluate_alert(at(7_200), &maintenance);
        assert_eq!(objective_state.alert().state(), AlertState::None);
        let report = objective_state.report(at(7_200), &maintenance);
        assert_eq!((report.good, report.bad), (0, 0));
        assert_eq!(report.budget().remaining(), None);
        assert!(report.burn_rate.iter().all(BurnRate::is_covered));
    }

    #[test]
    fn maintenance_is_excluded_and_reported() {
        let maintenance = SloMaintenance::new(at(3_600), at(7_200), "move").unwrap();
        let report = with_bad_hour().report(at(7_200), &[maintenance.clone(), maintenance]);
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
        let report = overspent().report(at(7_200), &[]);
        assert_eq!((report.good, report.bad), (3_600, 3_600));
        // A ten-thousandth of the 2,592,000 events of a month at this pace.
        assert_eq!(report.budget().event_budget(), Ratio::new(2_592, 10));
        let recovers = report.recovers_at.unwrap();
        assert!(recovers > at(30 * 86_400 + 6_600) && recovers <= at(30 * 86_400 + 7_200));
        assert_eq!(report.exhausts_at, None, "it is spent already");
    }

    #[test]
    fn bad_events_of_maintenance_delay_no_recovery() {
        // The second half of the bad hour.
        let maintenance = [SloMaintenance::new(at(5_400), at(7_200), "move").unwrap()];
        let report = overspent().report(at(7_200), &maintenance);
        assert_eq!((report.good, report.bad), (3_600, 1_800));
        let recovers = report.recovers_at.unwrap();
        assert!(
            recovers > at(30 * 86_400 + 4_500) && recovers <= at(30 * 86_400 + 5_400),
            "{recovers}"
        );
    }

    #[test]
    fn recovery_equals_that_of_a_scan_over_all_slices() {
        let mut rng = crate::watch::slo::tiers::tests::SeededRng(11);
        let (mut objective_state, mut read) = (objective_state(), CounterSample::default());
        for step in 0..20_000_i64 {
            read.good += rng.below(20);
            read.bad += rng.below(300) / 297;
            objective_state.sample(at(10 * step), read);
        }
        let (now, month) = (at(199_990), Duration::from_secs(30 * 86_400));
        let end = interval_at(now, INTERVAL);
        let tiers = objective_state.history.tiers();
        let (first, last) = tiers.slices(end.saturating_sub(259_200), end);
        let slices: Vec<_> = (first..=last)
            .map(|slice| {
                let (from, to) = (tiers.slice_end(slice - 1), tiers.slice_end(slice));
                let count = tiers.between(from, to);
                (
                    objective_state.interval_time(to).unwrap().min(now),
                    count.bad,
                )
            })
            .collect();
        for permitted in [0, 1, 7, read.bad / 2, read.bad - 1] {
            let permitted = Ratio::from(u32::try_from(permitted).unwrap());
            let expected =
                crate::model::slo::budget::recovery_time(slices.clone(), permitted, month);
            assert!(expected.is_some());
            assert_eq!(
                objective_state.recovers_at(now, month, permitted, &[]),
                expected
            );
        }
    }

    #[test]
    fn an_outage_is_seen_though_the_clock_was_set_back() {
        let mut objective_state = objective_state();
        let mut read = CounterSample::default();
        let mut seen = Vec::new();
        // An hour ahead for a minute, and then right.
        let clock = (0..=12).chain(372..378).chain(18..60);
        for (step, at_step) in clock.enumerate() {
            let set_by = match step {
                13 => 359,
                19 => -360,
                _ => 0,
            };
            match step {
                0..30 => read.good += 10,
                _ => read.bad += 10,
            }
            let now = at(10 * at_step);
            if set_by != 0 {
                objective_state.follow_step(SignedDuration::from_secs(10 * set_by), now);
            }
            objective_state.sample(now, read);
            objective_state.evaluate_alert(now, &[]);
            let report = objective_state.report(now, &[]);
            assert!(
                report
                    .budget()
                    .remaining()
                    .is_none_or(|left| left <= Ratio::ONE)
            );
            seen.push(report.alert);
        }
        seen.dedup();
        // The hour that was jumped over lacks its samples while the clock is ahead.
        let expected = [AlertState::None, AlertState::Frozen, AlertState::None];
        assert_eq!(seen[..3], expected);
        assert_eq!(seen.last(), Some(&AlertState::Critical), "{seen:?}");
    }

    #[test]
    fn data_without_a_new_sample_is_stale() {
        let objective_state = with_bad_hour();
        assert_eq!(
            objective_state.report(at(7_230), &[]).data,
            DataQuality::Partial
        );
        assert_eq!(
            objective_state.report(at(7_240), &[]).data,
            DataQuality::Stale
        );
    }

    /// One good event in each of some ten minutes from one moment to another, at every of which `check` is
    /// given the report.
    fn run_calendar(
        window: &str,
        from: &str,
        to: &str,
        mut check: impl FnMut(Timestamp, ObjectiveReport),
    ) {
        let ten = Duration::from_secs(600);
        let text = format!(
            r#"{{"api":{{"error_rate":{{"target":99,"threshold":1,"window":{window}}}}}}}"#
        );
        let objectives = Objectives::parse(&[("api.json", &text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let mut objective_state =
            ObjectiveState::new(objective, ten, ten, &BurnRatePolicy::platform());
        let (mut now, end): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
        for good in 0.. {
            objective_state.sample(now, CounterSample { good, bad: 0 });
            check(now, objective_state.report(now, &[]));
            now += ten;
            if now > end {
                break;
            }
        }
    }

    /// The good events of a window at its last sample, and at the first two of the next one.
    fn good_around_end(window: &str, from: &str, start: &str, end: &str) -> [u64; 3] {
        let (start, end): (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
        let after = end + Duration::from_secs(600);
        let mut good_counts = Vec::new();
        run_calendar(window, from, &after.to_string(), |now, report| {
            if now >= end - Duration::from_secs(600) {
                good_counts.push(report.good);
            }
            if now > start && now < end {
                let since = now.duration_since(start).as_secs() / 600;
                assert_eq!(report.good, since as u64, "{now}");
                assert_eq!(
                    (report.coverage, report.data),
                    (1.0, DataQuality::Ok),
                    "{now}"
                );
                let length = end.duration_since(start).unsigned_abs();
                assert_eq!(report.length, length, "{now}");
            }
        });
        good_counts.try_into().unwrap()
    }

    #[test]
    fn a_month_in_berlin_begins_at_its_own_midnight_and_march_is_an_hour_short() {
        let window = r#"{"calendar":"month","time_zone":"Europe/Berlin"}"#;
        let (start, end) = ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        let expected = (31 * 24 - 1) * 6;
        assert_eq!(
            good_around_end(window, "2026-02-25T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn a_week_on_lord_howe_island_is_half_an_hour_longer_when_summer_time_ends() {
        let window = r#"{"calendar":"week","time_zone":"Australia/Lord_Howe"}"#;
        let (start, end) = ("2026-03-29T13:00:00Z", "2026-04-05T13:30:00Z");
        let expected = 7 * 24 * 6 + 3;
        assert_eq!(
            good_around_end(window, "2026-03-28T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn a_quarter_in_new_york_is_complete_at_its_end() {
        let window = r#"{"calendar":"quarter","time_zone":"America/New_York"}"#;
        let (start, end) = ("2026-10-01T04:00:00Z", "2027-01-01T05:00:00Z");
        let expected = (92 * 24 + 1) * 6;
        assert_eq!(
            good_around_end(window, "2026-09-30T00:00:00Z", start, end),
            [expected - 1, 0, 1]
        );
    }

    #[test]
    fn maintenance_of_last_week_is_not_excluded_from_this_one() {
        let text =
            r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":{"calendar":"week"}}}}"#;
        let objectives = Objectives::parse(&[("api.json", text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let mut objective_state = ObjectiveState::new(
            objective,
            INTERVAL,
            RECORD_LENGTH,
            &BurnRatePolicy::platform(),
        );
        let monday: Timestamp = "2026-03-30T00:00:00Z".parse().unwrap();
        for step in 0..=720_u64 {
            let now = monday - Duration::from_secs(3_600) + INTERVAL * u32::try_from(step).unwrap();
            objective_state.sample(now, CounterSample { good: step, bad: 0 });
        }
        let half = Duration::from_secs(1_800);
        let maintenance = SloMaintenance::new(monday - half, monday + half, "move").unwrap();
        let report = objective_state.report(monday + half * 2, &[maintenance]);
        assert_eq!((report.good, report.raw), (180, Some((360, 0))));
    }

    #[test]
    fn a_restart_within_a_month_keeps_the_month_and_nothing_before_it() {
        let text = r#"{"api":{"error_rate":{"target":99,"threshold":1,
            "window":{"calendar":"month","time_zone":"Europe/Berlin"}}}}"#;
        let objectives = Objectives::parse(&[("api.json", text)]).unwrap();
        let objective = objectives.iter().next().unwrap();
        let new = || {
            ObjectiveState::new(
                objective,
                INTERVAL,
                RECORD_LENGTH,
                &BurnRatePolicy::platform(),
            )
        };
        let midnight: Timestamp = "2026-03-31T22:00:00Z".parse().unwrap();
        let (mut before, mut rows) = (new(), std::collections::BTreeMap::new());
        let start = midnight - Duration::from_secs(3_600);
        before.start(start);
        before.restore(&[]);
        for step in 0..=720_u64 {
            let now = start + INTERVAL * u32::try_from(step).unwrap();
            for row in before.sample(now, CounterSample { good: step, bad: 0 }) {
                rows.insert(row.slot, before.slice_row("i".into(), row).unwrap());
            }
        }
        let now = midnight + Duration::from_secs(3_600);
        let mut after = new();
        after.start(now);
        after.sample(now, CounterSample::default());
        after.restore(&rows.into_values().collect::<Vec<_>>());
        let (old, new) = (before.report(now, &[]), after.report(now, &[]));
        assert_eq!((old.good, new.good), (360, 360));
        assert_eq!((old.coverage, new.coverage), (1.0, 1.0));
    }
}
