//! Baselines of business counters: the same hours of the last three weeks.
//!
//! Why a median? Because one holiday or one outage among three weeks doesn't move it. Before there are
//! three weeks of history there is no median, and nothing is said.

use super::{AlertQuery, AlertRow, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::business::{AI_GENERATIONS, POSTS, REVENUE};
use crate::model::catalog::health::READY;
use crate::model::promql::{CounterQuery, GaugeQuery, InstantVector, QueryWindow, RecordedSeries};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::PostsPublished,
        |windows| Baseline::posts(windows).drop_query(),
        include_str!("posts-published-drop.md"),
    ),
    AlertRow::new(
        AlertSignal::AiGenerations,
        |windows| Baseline::generations(windows).change_query(),
        include_str!("ai-generations-spike.md"),
    ),
    AlertRow::new(
        AlertSignal::Revenue,
        |windows| Baseline::revenue(windows).change_query(),
        include_str!("revenue-anomaly.md"),
    ),
];

/// The minimum of events for a baseline; fewer are no custom that something could differ from.
const MIN_EVENTS: u32 = 20;
/// The same in minor units of a currency: what 20 sales of the smallest price bring, a whole unit each.
const MIN_MINOR_UNITS: u32 = 2_000;
const WEEKS: [(&str, u64); 3] = [("1", 7), ("2", 14), ("3", 21)];

/// The baseline of a counter: 3 hours now and at the same time of the weeks before.
#[derive(Debug)]
pub(in crate::generate) struct Baseline<'a> {
    name: &'static str,
    increase: InstantVector,
    minimum: u32,
    windows: ScaledWindows<'a>,
}

impl<'a> Baseline<'a> {
    fn posts(windows: ScaledWindows<'a>) -> Self {
        let counted = CounterQuery::new(&POSTS).increase(windows.hours(3));
        let counted = counted.sum_by(&["environment"]);
        Self::new("vantage:posts_published", counted, MIN_EVENTS, windows)
    }

    fn generations(windows: ScaledWindows<'a>) -> Self {
        let counted = CounterQuery::new(&AI_GENERATIONS).increase(windows.hours(3));
        let counted = counted.sum_by(&["environment"]);
        Self::new("vantage:ai_generations", counted, MIN_EVENTS, windows)
    }

    fn revenue(windows: ScaledWindows<'a>) -> Self {
        let counted = CounterQuery::new(&REVENUE).increase(windows.hours(3));
        let counted = counted.sum_by(&["environment", "currency"]);
        Self::new("vantage:revenue", counted, MIN_MINOR_UNITS, windows)
    }

    /// Returns all three.
    pub(in crate::generate) fn all(windows: ScaledWindows<'a>) -> [Self; 3] {
        [
            Self::posts(windows),
            Self::generations(windows),
            Self::revenue(windows),
        ]
    }

    const fn new(
        name: &'static str,
        increase: InstantVector,
        minimum: u32,
        windows: ScaledWindows<'a>,
    ) -> Self {
        Self {
            name,
            increase,
            minimum,
            windows,
        }
    }

    fn current(&self) -> RecordedSeries {
        RecordedSeries::from_expression(format!("{}:increase3h", self.name), &self.increase)
    }

    fn baseline(&self) -> RecordedSeries {
        RecordedSeries::from_expression(format!("{}:usual3h", self.name), &self.increase)
    }

    /// Returns the rules that record the current value and the baseline.
    pub(in crate::generate) fn recording_rules(&self) -> [RecordingRule; 2] {
        let (now, baseline) = (self.current(), self.baseline());
        let weeks = WEEKS.map(|(week, days)| now.offset(self.days(days)).with_label("week", week));
        let [first, second, third] = &weeks;
        let weeks = first.or(second).or(third);
        let complete = weeks.count_without("week").at_least(3_u32);
        let median = weeks.median_without("week").and(&complete);
        [
            RecordingRule::new(now.name(), &self.increase),
            RecordingRule::new(baseline.name(), &median),
        ]
    }

    fn days(&self, days: u64) -> QueryWindow {
        self.windows.days(days)
    }

    /// Returns the ratio to a large enough baseline: for a value that may not drop.
    fn drop_query(&self) -> AlertQuery {
        let baseline = self.baseline().now();
        // A counter that is gone after a restart counts nothing, as long as anybody is scraped who
        // could have counted.
        let scraped = GaugeQuery::new(&READY).now().count_by(&["environment"]);
        let nothing = baseline
            .mul_number(0_u32)
            .and_on(&["environment"], &scraped);
        let share = self.current().now().or(&nothing).div(&baseline);
        AlertQuery::with_condition(share, baseline.at_least(self.minimum))
    }

    /// Returns the ratio to the baseline, where that or the current value is large enough: for a value
    /// that may neither drop nor rise.
    fn change_query(&self) -> AlertQuery {
        let (baseline, now) = (self.baseline().now(), self.current().now());
        let AlertQuery { value, .. } = self.drop_query();
        let enough = baseline.at_least(self.minimum);
        AlertQuery::with_condition(value, enough.or(&now.at_least(self.minimum)))
    }
}
