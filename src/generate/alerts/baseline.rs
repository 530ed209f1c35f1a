//! Baselines of counters: the same hours of the last three weeks.
//!
//! Why a median? Because one holiday or one outage among three weeks doesn't move it. Before there are
//! three weeks of history there is no median, and nothing is said.

use super::counted::{Week, unseen_services};
use super::figure_labels::CURRENCY;
use super::{AlertQuery, Counted, CountedWindow, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::ThresholdComparison;
use crate::model::catalog::health::READY;
use crate::model::promql::{CounterQuery, GaugeQuery, RecordedSeries};
use crate::model::units::Unit;

/// The minimum of events for a baseline; fewer are no custom that something could differ from.
const MIN_EVENTS: u32 = 20;
/// The same in minor units of a currency: what 20 sales of the smallest price bring, a whole unit each.
const MIN_MINOR_UNITS: u32 = 2_000;
/// The units of amounts in hundredths of a currency's unit.
const MINOR_UNITS: [&str; 6] = [
    "{minor_unit}",
    "{minor_units}",
    "{cent}",
    "{cents}",
    "{penny}",
    "{pence}",
];

/// The baseline of a counter: 3 hours now and at the same time of the weeks before.
#[derive(Debug)]
pub(in crate::generate) struct Baseline {
    counted: Counted,
    /// By currency where there are several: an average of currencies means nothing.
    by: &'static [&'static str],
    /// Of the baseline, for it to count.
    minimum: u32,
}

impl Baseline {
    /// Returns the baseline of a counter.
    ///
    /// Its labels say by what it is compared, its unit how much is enough: orders may have a currency,
    /// and money none.
    pub(in crate::generate) fn new(counted: Counted) -> Self {
        let counter = counted.counter();
        let mut labels = counter.attributes.iter();
        let by: &[&str] = match labels.any(|label| label.key == CURRENCY) {
            true => &[CURRENCY, "environment"],
            false => &["environment"],
        };
        let minimum = match counter.unit {
            Unit::Count(unit) if MINOR_UNITS.contains(&unit) => MIN_MINOR_UNITS,
            _ => MIN_EVENTS,
        };
        Self {
            counted,
            by,
            minimum,
        }
    }

    /// Returns true for what has a currency, and is compared currency by currency.
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

    /// The environments with a service that counts and was not scraped at the beginning of the last 3 hours: after such
    /// a gap they aren't all there, and would look like a drop.
    fn unseen(&self) -> RecordedSeries {
        let name = format!("{}:unseen3h", self.counted.name());
        RecordedSeries::with_labels(name, ["environment"])
    }

    fn recorded(&self, operation: &str) -> RecordedSeries {
        let name = format!("{}:{operation}", self.counted.name());
        RecordedSeries::with_labels(name, self.by.iter().copied())
    }

    /// Returns the rules that record the current value, and those of the weeks before.
    pub(in crate::generate) fn count_rules(
        &self,
        windows: ScaledWindows<'_>,
    ) -> Vec<RecordingRule> {
        let events = |window| {
            let events = self.counted.recorded_events(window, windows);
            events.sum_by(self.by)
        };
        let weeks = Week::all().into_iter().map(|week| {
            let before = events(CountedWindow::HoursBefore(week));
            let labels = [("week", week.label())];
            RecordingRule::new(self.before().name(), &before).with_labels(&labels)
        });
        let now = RecordingRule::new(self.current().name(), &events(CountedWindow::Hours));
        let counting = CounterQuery::new(self.counted.counter()).presence();
        let unseen = unseen_services().now();
        let unseen = unseen.and_on(&SERVICE, &counting.count_by(&SERVICE));
        let unseen = RecordingRule::new(self.unseen().name(), &unseen.count_by(&["environment"]));
        [now, unseen].into_iter().chain(weeks).collect()
    }

    /// Returns the rule that records the baseline.
    pub(in crate::generate) fn baseline_rule(&self) -> RecordingRule {
        let weeks = self.before().now();
        // A median of one or two weeks would be moved by a single holiday.
        let complete = weeks.count_without("week").at_least(Week::COUNT);
        let median = weeks.median_without("week").and(&complete);
        RecordingRule::new(self.baseline().name(), &median)
    }

    /// Returns the rule that records the current value as a multiple of the baseline.
    pub(in crate::generate) fn ratio_rule(&self) -> RecordingRule {
        let baseline = self.baseline().now();
        // A counter that is gone after a restart counts nothing, as long as anybody is scraped who
        // could have counted.
        let scraped = GaugeQuery::new(&READY).now().count_by(&["environment"]);
        let ratio = self.current().now().or_zero_for(&baseline).div(&baseline);
        let ratio = ratio.and_on(&["environment"], &scraped);
        let seen = ratio.unless_on(&["environment"], &self.unseen().now());
        RecordingRule::new(self.ratio().name(), &seen)
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
