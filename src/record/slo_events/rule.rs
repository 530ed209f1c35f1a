//! The rules by which a series counts towards custom objectives, decided when it is bound.
//!
//! | criterion | client went away | series of an overflow | counts |
//! |---|---|---|---|
//! | labels | not counted, unless the objective asks for `error.type` | not counted | by labels, once for all events |
//! | at most | bad above the limit, else not counted | counted if there is no filter | each event by its duration |

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;

use super::ObjectiveCounters;
use crate::model::slo::{GoodCriterion, Indicator};

/// The mark of a client that went away before it was answered.
// Key and value.
const ERROR_TYPE: (&str, &str) = ("error.type", "cancelled");

/// The counters of the objectives that name one metric.
#[derive(Clone, Debug)]
pub(crate) struct MetricEventRules {
    /// The objectives whose indicator names the metric.
    objectives: Arc<[ObjectiveCounters]>,
}

/// The counters that one series counts towards; nearly always none.
///
/// `None` for nearly every series: recording then pays for one comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeriesEventRules(Option<Arc<[(ObjectiveCounters, EventRule)]>>);

/// The rule by which an event of a series is good or bad.
#[derive(Clone, Copy, Debug)]
enum EventRule {
    /// The labels say it for all of them.
    Always(bool),
    /// Good up to and including this many seconds.
    AtMost(f64),
    /// Bad past this many seconds, and otherwise not counted.
    /// For calls that were given up: they took at least so long.
    BadAbove(f64),
}

impl MetricEventRules {
    pub(super) const fn new(objectives: Arc<[ObjectiveCounters]>) -> Self {
        Self { objectives }
    }

    /// Returns the rules of the series with these labels. An overflow series, whose labels are
    /// unknown, counts only where no label is asked about.
    pub(crate) fn for_series(&self, labels: &[KeyValue], overflow: bool) -> SeriesEventRules {
        let rules = self.objectives.iter().filter_map(|counters| {
            let indicator = counters.indicator.as_ref()?;
            let rule = self.event_rule(indicator, labels, overflow)?;
            Some((counters.clone(), rule))
        });
        let rules: Vec<_> = rules.collect();
        SeriesEventRules((!rules.is_empty()).then(|| rules.into()))
    }

    /// Returns the rule of one objective for a series; `None` where its events don't count towards
    /// it.
    fn event_rule(
        &self,
        indicator: &Indicator,
        labels: &[KeyValue],
        overflow: bool,
    ) -> Option<EventRule> {
        let filter = &indicator.filter;
        let label = |key: &str| label_value(labels, key);
        // Labels never change within a series, so that all of this is decided once.
        if !filter.matches(label) || (overflow && !filter.is_empty()) {
            return None;
        }
        // Nobody knows how a call would have ended that its caller gave up, unless the objective asks.
        let cancelled = label(ERROR_TYPE.0).as_deref() == Some(ERROR_TYPE.1);
        match &indicator.good {
            GoodCriterion::AtMost(limit) if cancelled && !filter.contains_key(ERROR_TYPE.0) => {
                Some(EventRule::BadAbove(limit.as_secs_f64()))
            }
            GoodCriterion::AtMost(limit) => Some(EventRule::AtMost(limit.as_secs_f64())),
            GoodCriterion::Labels(good) => {
                let names_error_type = filter.contains_key(ERROR_TYPE.0)
                    || good.labels().any(|(key, values)| {
                        let named = values.iter().flatten().any(|value| value == ERROR_TYPE.1);
                        key == ERROR_TYPE.0 && named
                    });
                let unknown = overflow || (cancelled && !names_error_type);
                (!unknown).then(|| EventRule::Always(good.matches(label)))
            }
        }
    }
}

fn label_value<'a>(labels: &'a [KeyValue], key: &str) -> Option<Cow<'a, str>> {
    let label = labels.iter().find(|label| label.key.as_str() == key)?;
    Some(label.value.as_str())
}

impl SeriesEventRules {
    /// Counts events whose labels say whether they are good.
    #[inline]
    pub(crate) fn record_events(&self, events: u64) {
        if let Some(rules) = &self.0 {
            apply_rules(rules, events, 0.0);
        }
    }

    /// Counts one event of a histogram.
    #[inline]
    pub(crate) fn record_seconds(&self, seconds: f64) {
        if let Some(rules) = &self.0 {
            apply_rules(rules, 1, seconds);
        }
    }
}

// Out of line: series with rules are few.
fn apply_rules(rules: &[(ObjectiveCounters, EventRule)], events: u64, seconds: f64) {
    for (counters, rule) in rules {
        match *rule {
            EventRule::Always(good) => counters.record_events(good, events),
            // "Up to and including", as the histogram's bucket counts it: process and rules agree.
            EventRule::AtMost(limit) => counters.record_events(seconds <= limit, events),
            EventRule::BadAbove(limit) if seconds > limit => counters.record_events(false, events),
            EventRule::BadAbove(_) => {}
        }
    }
}
