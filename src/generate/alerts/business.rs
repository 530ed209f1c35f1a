//! Baselines of business counters: the same hours of the last three weeks.
//!
//! Why a median? Because one holiday or one outage among three weeks doesn't move it. Before there are
//! three weeks of history there is no median, and nothing is said.

use super::{AlertQuery, AlertRow, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::business::{AI_GENERATIONS, POSTS, REVENUE};
use crate::model::catalog::health::READY;
use crate::model::promql::{CounterQuery, GaugeQuery, RecordedSeries};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::PostsPublished,
        |_| Baseline::posts().drop_query(),
        include_str!("posts-published-drop.md"),
    ),
    AlertRow::new(
        AlertSignal::AiGenerations,
        |_| Baseline::generations().change_query(),
        include_str!("ai-generations-spike.md"),
    ),
    AlertRow::new(
        AlertSignal::Revenue,
        |_| Baseline::revenue().change_query(),
        include_str!("revenue-anomaly.md"),
    ),
];

/// The minimum of events for a baseline; fewer are no custom that something could differ from.
const MIN_EVENTS: u32 = 20;
/// The same in minor units of a currency: what 20 sales of the smallest price bring, a whole unit each.
const MIN_MINOR_UNITS: u32 = 2_000;
/// The label of each week, and the days that it lies back.
const WEEKS: [(&str, u64); 3] = [("1", 7), ("2", 14), ("3", 21)];

/// The baseline of a counter: 3 hours now and at the same time of the weeks before.
#[derive(Debug)]
pub(in crate::generate) struct Baseline {
    name: &'static str,
    counter: CounterQuery,
    /// By currency where there are several: an average of currencies means nothing.
    by: &'static [&'static str],
    /// Of the baseline, for it to count.
    minimum: u32,
}

impl Baseline {
    pub(in crate::generate) const fn posts() -> Self {
        Self {
            name: "vantage:posts_published",
            counter: CounterQuery::new(&POSTS),
            by: &["environment"],
            minimum: MIN_EVENTS,
        }
    }

    pub(in crate::generate) const fn generations() -> Self {
        Self {
            name: "vantage:ai_generations",
            counter: CounterQuery::new(&AI_GENERATIONS),
            by: &["environment"],
            minimum: MIN_EVENTS,
        }
    }

    pub(in crate::generate) const fn revenue() -> Self {
        Self {
            name: "vantage:revenue",
            counter: CounterQuery::new(&REVENUE),
            by: &["currency", "environment"],
            minimum: MIN_MINOR_UNITS,
        }
    }

    /// Returns all three.
    pub(in crate::generate) const fn all() -> [Self; 3] {
        [Self::posts(), Self::generations(), Self::revenue()]
    }

    /// Returns the events of the last 3 hours.
    fn current(&self) -> RecordedSeries {
        self.recorded("increase3h", &[])
    }

    /// The same hours of the weeks before, told apart by the label `week`.
    fn before(&self) -> RecordedSeries {
        self.recorded("increase3h_before", &["week"])
    }

    /// Returns the median of the three weeks.
    pub(in crate::generate) fn baseline(&self) -> RecordedSeries {
        self.recorded("usual3h", &[])
    }

    /// The current value as a multiple of the baseline.
    pub(in crate::generate) fn ratio(&self) -> RecordedSeries {
        self.recorded("ratio3h", &[])
    }

    fn recorded(&self, operation: &str, more_labels: &[&str]) -> RecordedSeries {
        let labels = self.by.iter().chain(more_labels).copied();
        RecordedSeries::with_labels(format!("{}:{operation}", self.name), labels)
    }

    /// Returns the rules that record the current value, and those of the weeks before.
    pub(in crate::generate) fn count_rules(
        &self,
        windows: ScaledWindows<'_>,
    ) -> Vec<RecordingRule> {
        let hours = windows.hours(3);
        let now = self.counter.increase(hours).sum_by(self.by);
        let weeks = WEEKS.into_iter().map(|(week, days)| {
            let days = windows.days(days);
            let before = self.counter.increase_offset(hours, days).sum_by(self.by);
            RecordingRule::new(self.before().name(), &before).with_labels(&[("week", week)])
        });
        let now = RecordingRule::new(self.current().name(), &now);
        [now].into_iter().chain(weeks).collect()
    }

    /// Returns the rule that records the baseline.
    pub(in crate::generate) fn baseline_rule(&self) -> RecordingRule {
        let weeks = self.before().now();
        // A median of one or two weeks would be moved by a single holiday.
        let complete = weeks.count_without("week").at_least(WEEKS.len() as u32);
        let median = weeks.median_without("week").and(&complete);
        RecordingRule::new(self.baseline().name(), &median)
    }

    /// Returns the rule that records the current value as a multiple of the baseline.
    pub(in crate::generate) fn ratio_rule(&self) -> RecordingRule {
        let baseline = self.baseline().now();
        // A counter that is gone after a restart counts nothing, as long as anybody is scraped who
        // could have counted.
        let scraped = GaugeQuery::new(&READY).now().count_by(&["environment"]);
        let nothing = baseline
            .mul_number(0_u32)
            .and_on(&["environment"], &scraped);
        let ratio = self.current().now().or(&nothing).div(&baseline);
        RecordingRule::new(self.ratio().name(), &ratio)
    }

    /// Returns the ratio to a large enough baseline: for a value that may not drop.
    fn drop_query(&self) -> AlertQuery {
        let enough = self.baseline().now().at_least(self.minimum);
        AlertQuery::with_condition(self.ratio().now(), enough)
    }

    /// Returns the ratio to the baseline, where that or the current value is large enough: for a value
    /// that may neither drop nor rise.
    fn change_query(&self) -> AlertQuery {
        let [baseline, now] =
            [self.baseline(), self.current()].map(|recorded| recorded.now().at_least(self.minimum));
        // Either is enough: a rise from next to nothing is what is looked for too.
        AlertQuery::with_condition(self.ratio().now(), baseline.or(&now))
    }
}
