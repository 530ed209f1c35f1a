//! Totals by day, found by some of their labels as series are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::series::{Matched, Scrape, Series, explain_several};
use crate::record::business_totals::{TotalKey, TotalValue};

/// The labels of a total, as names and values.
type Labels = Vec<(String, String)>;

/// The totals so far, by metric and labels.
#[derive(Debug, Default)]
pub(super) struct DailyTotals(BTreeMap<(String, Labels), u64>);

impl DailyTotals {
    /// Takes what was read: a look takes the largest value of a gauge away, so that it is kept here.
    pub(super) fn add(&mut self, read: Vec<(TotalKey, TotalValue)>) {
        for (key, value) in read {
            let total = self.0.entry((key.metric.into(), labels(&key))).or_default();
            match value {
                TotalValue::Sum(sum) => *total = sum,
                TotalValue::Peak(peak) => *total = peak.max(*total),
            }
        }
    }

    /// Returns the one total that is meant, if any.
    ///
    /// # Errors
    ///
    /// Where several are, with a list of them.
    pub(super) fn find(
        &self,
        metric: &str,
        labels: &[(&str, &str)],
    ) -> Result<Option<u64>, String> {
        match self.series().find(metric, labels) {
            Matched::None => Ok(None),
            // Not the value of the series, which has no more digits than a scrape.
            Matched::One(series) => {
                let key = (series.name.clone(), series.labels.clone());
                Ok(self.0.get(&key).copied())
            }
            Matched::Several(found) => Err(explain_several(metric, labels, &found)),
        }
    }

    /// Returns why a total is not this one; `None` where it is.
    pub(super) fn explain(
        &self,
        metric: &str,
        labels: &[(&str, &str)],
        expected: u64,
    ) -> Option<String> {
        match self.find(metric, labels) {
            Ok(Some(found)) if found == expected => None,
            Ok(Some(found)) => Some(format!("expected {expected}, found {found}")),
            Ok(None) => Some(self.series().explain_none(metric, labels)),
            Err(several) => Some(several),
        }
    }

    fn series(&self) -> Scrape {
        let series = self.0.iter().map(|((name, labels), value)| Series {
            name: name.clone(),
            labels: labels.clone(),
            value: *value as f64,
        });
        Scrape::from_series(series)
    }
}

/// Returns the labels that a total was recorded with.
fn labels(key: &TotalKey) -> Labels {
    let attribute = &*key.attribute;
    if !key.label.is_empty() {
        return vec![(key.label.to_owned(), attribute.to_owned())];
    }
    // Empty where there are none, or else an object of several.
    let members: serde_json::Map<String, Value> =
        serde_json::from_str(attribute).unwrap_or_default();
    let members = members.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    });
    members.collect()
}
