//! The events of a counter in a window: the increase of its series, and the first values of those that are new.
//!
//! A series with labels appears with its first event, and `increase` never sees the step from nothing to that
//! value. After a deploy all series are new; where few events have many values of a label, those steps are
//! most of what happened.
//!
//! The first value counts where all of it was counted within the window: the series was not there at the
//! window's start, and its process was scraped then, or began since. Of another process it is unknown: after a
//! gap in the scrape the first value is all that an old process ever counted.

use std::borrow::Cow;
use std::time::Duration;

use super::ScaledWindows;
use super::figure_labels::{few_labels, series_name};
use crate::generate::rule::RecordingRule;
use crate::model::catalog::MetricSpec;
use crate::model::catalog::process::UPTIME;
use crate::model::figure::Figure;
use crate::model::promql::{
    CounterQuery, GaugeQuery, InstantVector, QueryWindow, RecordedSeries, Select as _,
    TARGET_LABELS,
};

/// The label of each week before, and the days that it lies back.
const WEEKS: [(&str, u64); 3] = [("1", 7), ("2", 14), ("3", 21)];
/// The label that tells first values from the increase of a counter without labels of its own.
const FIRST: (&str, &str) = ("vantage_events", "first");

/// A window in which events are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) enum CountedWindow {
    /// The last 3 hours.
    Hours,
    /// The same 3 hours of one of the weeks before.
    HoursBefore(Week),
    /// The last 24 hours.
    Day,
}

/// One of the weeks before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) struct Week(&'static str, u64);

/// A counter whose events are counted in windows.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Counted {
    /// The first parts of the names of what is recorded.
    name: Cow<'static, str>,
    counter: &'static MetricSpec,
    /// The labels of first values, beside those of the process.
    by: Vec<&'static str>,
    /// Those of which first values are recorded.
    windows: Vec<CountedWindow>,
}

impl Week {
    /// The number of weeks.
    pub(super) const COUNT: u32 = WEEKS.len() as u32;

    /// Returns the last week, the one before, and the one before that.
    pub(in crate::generate) fn all() -> [Week; WEEKS.len()] {
        WEEKS.map(|(label, days)| Week(label, days))
    }

    /// Returns the value of the label `week`.
    pub(super) const fn label(self) -> &'static str {
        self.0
    }
}

impl CountedWindow {
    /// The same 3 hours a week ago.
    pub(in crate::generate) const WEEK_AGO: Self = Self::HoursBefore(Week(WEEKS[0].0, WEEKS[0].1));

    /// Returns those of the comparison with what is usual.
    fn compared() -> impl Iterator<Item = Self> {
        let before = Week::all().into_iter().map(Self::HoursBefore);
        [Self::Hours].into_iter().chain(before)
    }

    const fn hours(self) -> u64 {
        match self {
            Self::Day => 24,
            Self::Hours | Self::HoursBefore(_) => 3,
        }
    }

    const fn hours_ago(self) -> u64 {
        match self {
            Self::HoursBefore(Week(_, days)) => 24 * days,
            Self::Hours | Self::Day => 0,
        }
    }

    /// Returns the labels of what is recorded of it.
    fn rule_labels(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::HoursBefore(week) => Some(("week", week.label())),
            Self::Hours | Self::Day => None,
        }
    }

    /// Returns series that are recorded of it: their name begins with this, and they have these labels.
    fn recorded(self, name: &str, labels: &[&'static str]) -> RecordedSeries {
        let length = match self {
            Self::Hours => "3h",
            Self::HoursBefore(_) => "3h_before",
            Self::Day => "1d",
        };
        let mut series = RecordedSeries::with_labels(
            format!("{name}{length}"),
            labels.iter().chain(&TARGET_LABELS).copied(),
        );
        match self.rule_labels() {
            Some((label, value)) => {
                series.add_label(label);
                series.with(label, value)
            }
            None => series,
        }
    }

    /// Returns the processes that began within it.
    fn new_processes(self) -> RecordedSeries {
        self.recorded("vantage:process:new", &[])
    }

    /// Returns the rule that records those.
    fn process_rule(self, windows: ScaledWindows<'_>) -> RecordingRule {
        let [length, ago] = [self.hours(), self.hours_ago()].map(|it| windows.hours(it));
        let uptime = GaugeQuery::new(&UPTIME).max_over_time(length, self.offset(ago));
        // The greatest, and not the last: a process that was there before and restarted is none of them.
        let new = uptime.below(seen_for(self.hours(), windows));
        let rule = RecordingRule::new(self.new_processes().name(), &new);
        rule.with_labels(self.rule_labels().as_slice())
    }

    fn offset(self, ago: QueryWindow) -> Option<QueryWindow> {
        (self.hours_ago() > 0).then_some(ago)
    }
}

impl Counted {
    /// Returns a counter of which nothing is recorded yet, with the labels by which it is shown.
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        counter: &'static MetricSpec,
        by: &[&'static str],
    ) -> Self {
        Self {
            name: name.into(),
            counter,
            by: by.to_vec(),
            windows: Vec::new(),
        }
    }

    /// Returns that of a figure.
    pub(in crate::generate) fn of_figure(figure: &Figure, metric: &'static MetricSpec) -> Self {
        let name = format!("vantage:figure_{}", series_name(metric));
        let counted = Self::new(name, metric, &few_labels(figure, metric));
        let counted = match figure.is_watched() {
            true => counted.compared(),
            false => counted,
        };
        match figure.panel {
            true => counted.by_day(),
            false => counted,
        }
    }

    /// Counts 3 hours, now and in the weeks before.
    pub(super) fn compared(mut self) -> Self {
        self.windows.extend(CountedWindow::compared());
        self
    }

    /// Counts days.
    pub(super) fn by_day(mut self) -> Self {
        self.windows.push(CountedWindow::Day);
        self
    }

    /// Returns the first parts of the names of what is recorded.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the metric.
    pub(in crate::generate) const fn counter(&self) -> &'static MetricSpec {
        self.counter
    }

    /// Returns the events of a window, for a rule.
    pub(super) fn recorded_events(
        &self,
        window: CountedWindow,
        windows: ScaledWindows<'_>,
    ) -> InstantVector {
        let counter = CounterQuery::new(self.counter);
        let first = self.first(window);
        Self::events(window, &counter, &first, |hours| windows.hours(hours))
    }

    /// Returns the events of a window, to be looked at.
    pub(in crate::generate) fn all_events(&self, window: CountedWindow) -> InstantVector {
        let counter = CounterQuery::new(self.counter);
        Self::events(window, &counter, &self.first(window), QueryWindow::hours)
    }

    /// Returns the events of a window that the variables of a dashboard choose.
    pub(in crate::generate) fn chosen_events(&self, window: CountedWindow) -> InstantVector {
        let counter = CounterQuery::new(self.counter).with_dashboard_variables();
        let first = self.first(window).with_dashboard_variables();
        Self::events(window, &counter, &first, QueryWindow::hours)
    }

    fn events(
        window: CountedWindow,
        counter: &CounterQuery,
        first: &RecordedSeries,
        hours: impl Fn(u64) -> QueryWindow,
    ) -> InstantVector {
        let length = hours(window.hours());
        let increase = match window.offset(hours(window.hours_ago())) {
            Some(ago) => counter.increase_offset(length, ago),
            None => counter.increase(length),
        };
        increase.union(&first.now())
    }

    /// Returns the sums of first values in a window.
    ///
    /// # Panics
    ///
    /// When they aren't recorded.
    fn first(&self, window: CountedWindow) -> RecordedSeries {
        let is_recorded = self.windows.contains(&window);
        assert!(is_recorded, "{window:?} of {} is not recorded", self.name);
        let labels = [&*self.by, &[FIRST.0]].concat();
        window.recorded(&format!("{}:first", self.name), &labels)
    }

    /// Returns the rules that record first values.
    fn first_rules(&self, windows: ScaledWindows<'_>) -> impl Iterator<Item = RecordingRule> {
        self.windows.iter().map(move |window| {
            let [length, ago] = [window.hours(), window.hours_ago()].map(|it| windows.hours(it));
            let start = windows.hours(window.hours() + window.hours_ago());
            let counter = CounterQuery::new(self.counter);
            // The least: a process that restarts begins anew. What it counted before in a series that is new is in no
            // `increase` where the new one's first value is lower: too little, and never too much.
            let first = counter.min_over_time(length, window.offset(ago));
            let new = first.unless(&counter.offset(start));
            let scraped = GaugeQuery::new(&UPTIME).offset(start);
            let known = scraped.either(&window.new_processes().now());
            let by = [&*self.by, &TARGET_LABELS].concat();
            let first = new.and_on(&TARGET_LABELS, &known).sum_by(&by);
            let labels: Vec<_> = window.rule_labels().into_iter().chain([FIRST]).collect();
            RecordingRule::new(self.first(*window).name(), &first).with_labels(&labels)
        })
    }
}

/// Returns the least age of a process that was there before a window, and that had been scraped by then: as long
/// before as Prometheus looks back for a sample.
fn seen_for(hours: u64, windows: ScaledWindows<'_>) -> Duration {
    let age = Duration::from_secs(3600 * hours + 300);
    windows.input.time_scale.scale(age)
}

/// Returns the services that were not scraped 3 hours ago, and have a process that was there already: what
/// it counted since is in no window of 3 hours.
pub(super) fn unseen_services() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:process:unseen3h", super::SERVICE)
}

/// Returns the rules that record what is known of processes, for these counters.
pub(in crate::generate) fn process_rules(
    counted: &[Counted],
    windows: ScaledWindows<'_>,
) -> Vec<RecordingRule> {
    let all = CountedWindow::compared().chain([CountedWindow::Day]);
    let used = all.filter(|window| counted.iter().any(|it| it.windows.contains(window)));
    let mut rules: Vec<_> = used.map(|window| window.process_rule(windows)).collect();
    let is_compared = |it: &Counted| it.windows.contains(&CountedWindow::Hours);
    if counted.iter().any(is_compared) {
        let uptime = GaugeQuery::new(&UPTIME);
        let hours = CountedWindow::Hours.hours();
        let old = uptime.now().above(seen_for(hours, windows));
        // Within 5 minutes: a scrape that fails once is no gap.
        let seen = uptime.max_over_time(windows.minutes(5), Some(windows.hours(hours)));
        let [old, seen] = [old, seen].map(|it| it.count_by(&super::SERVICE));
        let rule = RecordingRule::new(unseen_services().name(), &old.unless(&seen));
        rules.push(rule);
    }
    rules
}

/// Returns the rules that record first values.
pub(in crate::generate) fn first_value_rules(
    counted: &[Counted],
    windows: ScaledWindows<'_>,
) -> Vec<RecordingRule> {
    let rules = counted.iter();
    rules.flat_map(|it| it.first_rules(windows)).collect()
}
