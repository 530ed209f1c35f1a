//! Baselines of counters: the same hours of the last three weeks.
//!
//! Why a median? Because one holiday or one outage among three weeks doesn't move it. Before there are
//! three weeks of history there is no median, and nothing is said.

use std::borrow::Cow;

use super::{AlertQuery, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::ThresholdComparison;
use crate::model::catalog::MetricSpec;
use crate::model::catalog::health::READY;
use crate::model::promql::{CounterQuery, GaugeQuery, RecordedSeries};

/// The label of amounts of money, which are never added up over its values.
pub(in crate::generate) const CURRENCY: &str = "currency";
/// The minimum of events for a baseline; fewer are no custom that something could differ from.
const MIN_EVENTS: u32 = 20;
/// The same in minor units of a currency: what 20 sales of the smallest price bring, a whole unit each.
const MIN_MINOR_UNITS: u32 = 2_000;
/// The label of each week, and the days that it lies back.
const WEEKS: [(&str, u64); 3] = [("1", 7), ("2", 14), ("3", 21)];

/// The baseline of a counter: 3 hours now and at the same time of the weeks before.
#[derive(Debug)]
pub(in crate::generate) struct Baseline {
    /// The first parts of the names of what is recorded.
    name: Cow<'static, str>,
    counter: CounterQuery,
    /// By currency where there are several: an average of currencies means nothing.
    by: &'static [&'static str],
    /// Of the baseline, for it to count.
    minimum: u32,
}

impl Baseline {
    /// Returns the baseline of a counter, recorded below this name.
    pub(in crate::generate) fn new(
        name: impl Into<Cow<'static, str>>,
        counter: &'static MetricSpec,
    ) -> Self {
        let mut labels = counter.attributes.iter();
        let (by, minimum): (&[&str], _) = match labels.any(|label| label.key == CURRENCY) {
            true => (&[CURRENCY, "environment"], MIN_MINOR_UNITS),
            false => (&["environment"], MIN_EVENTS),
        };
        Self {
            name: name.into(),
            counter: CounterQuery::new(counter),
            by,
            minimum,
        }
    }

    /// Returns true for money, which is compared currency by currency.
    pub(super) fn is_by_currency(&self) -> bool {
        self.by.contains(&CURRENCY)
    }

    /// Returns what is at least usual where the comparison counts.
    pub(super) const fn minimum(&self) -> u32 {
        self.minimum
    }

    /// Returns the events of the last 3 hours.
    fn current(&self) -> RecordedSeries {
        self.recorded("increase3h")
    }

    /// The same hours of the weeks before, told apart by the label `week`.
    fn before(&self) -> RecordedSeries {
        let mut before = self.recorded("increase3h_before");
        before.add_label("week");
        before
    }

    /// Returns the median of the three weeks.
    pub(in crate::generate) fn baseline(&self) -> RecordedSeries {
        self.recorded("usual3h")
    }

    /// The current value as a multiple of the baseline.
    pub(in crate::generate) fn ratio(&self) -> RecordedSeries {
        self.recorded("ratio3h")
    }

    fn recorded(&self, operation: &str) -> RecordedSeries {
        let total = self.counter.presence().sum_by(self.by);
        RecordedSeries::from_expression(format!("{}:{operation}", self.name), &total)
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

    /// Returns the query of an alert on the ratio.
    pub(super) fn query(&self, comparison: ThresholdComparison) -> AlertQuery {
        match comparison {
            ThresholdComparison::Below => self.drop_query(),
            _ => self.change_query(),
        }
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
