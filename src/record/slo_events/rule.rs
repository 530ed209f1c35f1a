//! What one series adds to the accounts of custom objectives, decided when it is bound.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;

use super::Account;
use crate::model::slo::{Good, Indicator};

/// The mark of a client that went away before it was answered.
const ERROR_TYPE: (&str, &str) = ("error.type", "cancelled");

const ROUTE: &str = "http.route";

/// The accounts that ask about one metric.
#[derive(Clone, Debug)]
pub(crate) struct Tallies {
    accounts: Arc<[Account]>,
    uncounted: Arc<[String]>,
}

/// The accounts that one series counts towards; nearly always none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Option<Arc<[(Account, Rule)]>>);

/// How an event of a series is judged.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// The labels say it for all of them.
    Always(bool),
    /// Good up to and including this many seconds.
    AtMost(f64),
    /// Bad past this many seconds, and otherwise not counted.
    BadPast(f64),
}

impl Tallies {
    pub(super) fn new(accounts: Arc<[Account]>, uncounted: Arc<[String]>) -> Self {
        Self {
            accounts,
            uncounted,
        }
    }

    /// What the series with these labels counts towards. An overflow series, whose labels are
    /// unknown, counts only where no label is asked about.
    pub(crate) fn of(&self, labels: &[KeyValue], overflow: bool) -> Tally {
        let rules = self.accounts.iter().filter_map(|account| {
            let indicator = account.indicator.as_ref()?;
            let rule = self.rule(indicator, labels, overflow)?;
            Some((account.clone(), rule))
        });
        let rules: Vec<_> = rules.collect();
        Tally((!rules.is_empty()).then(|| rules.into()))
    }

    fn rule(&self, indicator: &Indicator, labels: &[KeyValue], overflow: bool) -> Option<Rule> {
        let filter = &indicator.filter;
        let label = |key: &str| value(labels, key);
        if !filter.accepts(label) || (overflow && !filter.is_empty()) {
            return None;
        }
        let own = label(ROUTE).is_some_and(|route| self.uncounted.iter().any(|own| *own == route));
        if own && !filter.names(ROUTE) {
            return None;
        }
        // Nobody knows how a call would have ended that its caller gave up, unless the objective asks.
        let cancelled = label(ERROR_TYPE.0).as_deref() == Some(ERROR_TYPE.1);
        match &indicator.good {
            Good::AtMost(limit) if cancelled && !filter.names(ERROR_TYPE.0) => {
                Some(Rule::BadPast(limit.as_secs_f64()))
            }
            Good::AtMost(limit) => Some(Rule::AtMost(limit.as_secs_f64())),
            Good::Labels(good) => {
                let asked = filter.names(ERROR_TYPE.0)
                    || good.labels().any(|(key, values)| {
                        let named = values.iter().flatten().any(|value| value == ERROR_TYPE.1);
                        key == ERROR_TYPE.0 && named
                    });
                let unknown = overflow || (cancelled && !asked);
                (!unknown).then(|| Rule::Always(good.accepts(label)))
            }
        }
    }
}

fn value<'a>(labels: &'a [KeyValue], key: &str) -> Option<Cow<'a, str>> {
    let label = labels.iter().find(|label| label.key.as_str() == key)?;
    Some(label.value.as_str())
}

impl Tally {
    /// Counts events whose labels say whether they are good.
    #[inline]
    pub(crate) fn events(&self, events: u64) {
        if let Some(rules) = &self.0 {
            judge(rules, events, 0.0);
        }
    }

    /// Counts one event of a histogram.
    #[inline]
    pub(crate) fn seconds(&self, seconds: f64) {
        if let Some(rules) = &self.0 {
            judge(rules, 1, seconds);
        }
    }
}

fn judge(rules: &[(Account, Rule)], events: u64, seconds: f64) {
    for (account, rule) in rules {
        match *rule {
            Rule::Always(good) => account.add(good, events),
            Rule::AtMost(limit) => account.add(seconds <= limit, events),
            Rule::BadPast(limit) if seconds > limit => account.add(false, events),
            Rule::BadPast(_) => {}
        }
    }
}
