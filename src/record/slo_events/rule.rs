//! The rules by which a series counts towards custom objectives, decided when it is bound.
//!
//! | criterion | client went away | counts |
//! |---|---|---|
//! | labels | not counted, unless the objective asks for `error.type` | by labels, once for all events |
//! | at most | bad above the limit, else not counted; so is what the service's end cut off | each event by its duration |
//!
//! What goes to an overflow series counts by the labels that were given, of which that series shows none.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;

use super::ObjectiveCounters;
use crate::model::slo::{GoodCriterion, Indicator};

/// The mark of a client that went away before it was answered.
// Key and value.
const ERROR_TYPE: (&str, &str) = ("error.type", "cancelled");
/// The mark of a request that the service's end has cut off. It failed, and says as little of how long it would have
/// taken.
const SHUTDOWN: &str = "shutdown";

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

    /// Returns the rules of the series with these labels.
    pub(crate) fn for_series(&self, labels: &[KeyValue]) -> SeriesEventRules {
        let rules = self.objectives.iter().filter_map(|counters| {
            let indicator = counters.indicator.as_ref()?;
            let rule = event_rule(indicator, labels)?;
            Some((counters.clone(), rule))
        });
        let rules: Vec<_> = rules.collect();
        SeriesEventRules((!rules.is_empty()).then(|| rules.into()))
    }
}

/// Returns the rule of one objective for a series; `None` where its events don't count towards
/// it.
fn event_rule(indicator: &Indicator, labels: &[KeyValue]) -> Option<EventRule> {
    let filter = &indicator.filter;
    let label = |key: &str| label_value(labels, key);
    // Labels never change within a series, so that all of this is decided once.
    if !filter.matches(label) {
        return None;
    }
    // How a call would have ended that its caller gave up is unknown; it counts where the objective asks for it.
    let error_type = label(ERROR_TYPE.0);
    let cancelled = error_type.as_deref() == Some(ERROR_TYPE.1);
    let unanswered = cancelled || error_type.as_deref() == Some(SHUTDOWN);
    match &indicator.good {
        GoodCriterion::AtMost(limit) if unanswered && !filter.contains_key(ERROR_TYPE.0) => {
            Some(EventRule::BadAbove(limit.as_secs_f64()))
        }
        GoodCriterion::AtMost(limit) => Some(EventRule::AtMost(limit.as_secs_f64())),
        GoodCriterion::Labels(good) => {
            let names_error_type = filter.contains_key(ERROR_TYPE.0)
                || good.labels().any(|(key, values)| {
                    let named = values.iter().flatten().any(|value| value == ERROR_TYPE.1);
                    key == ERROR_TYPE.0 && named
                });
            let counts = !cancelled || names_error_type;
            counts.then(|| EventRule::Always(good.matches(label)))
        }
    }
}

/// Returns the values of a label on which the rules of an objective depend, its absence apart; `None` where they don't
/// depend on it.
pub(super) fn asked_values(indicator: &Indicator, key: &str) -> Option<Vec<String>> {
    let good = match &indicator.good {
        GoodCriterion::Labels(good) => Some(good),
        GoodCriterion::AtMost(_) => None,
    };
    let filters = std::iter::once(&indicator.filter).chain(good);
    let named = filters.flat_map(|filter| filter.labels().filter(|(named, _)| *named == key));
    let named: Vec<_> = named.map(|(_, values)| values).collect();
    let is_error_type = key == ERROR_TYPE.0;
    if named.is_empty() && !is_error_type {
        return None;
    }
    let values = named.into_iter().flatten().flatten().cloned();
    // Every objective leaves these out where it does not ask for them.
    let unanswered = is_error_type.then(|| [ERROR_TYPE.1, SHUTDOWN].map(String::from));
    Some(values.chain(unanswered.into_iter().flatten()).collect())
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
