//! The indicator of a custom objective: an instrument of the catalog, a filter of its series, and the
//! criterion for good events.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::catalog::MetricSpec;

/// The indicator of a custom objective.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Indicator {
    /// The instrument.
    pub metric: &'static MetricSpec,
    /// Which of its events count.
    pub filter: LabelFilter,
    /// Which of those are good.
    pub good: GoodCriterion,
}

/// The criterion for good events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoodCriterion {
    /// A value of at most this; of histograms.
    AtMost(Duration),
    /// An event with these labels; of counters.
    Labels(LabelFilter),
}

/// A filter on labels; the empty filter matches all series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelFilter(pub(super) Vec<(&'static str, Vec<Option<String>>)>);

impl LabelFilter {
    /// Returns whether a series with these labels matches. `None` of a label, and in the filter, is its
    /// absence.
    #[must_use]
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.0.iter().all(|(key, values)| {
            let found = label(key);
            values
                .iter()
                .any(|value| value.as_deref() == found.as_deref())
        })
    }

    /// Returns whether the filter has a condition on a label.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.iter().any(|(named, _)| *named == key)
    }

    /// Returns the labels, each with the values that it may have; `None` is its absence.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &[Option<String>])> {
        self.0.iter().map(|(key, values)| (*key, values.as_slice()))
    }

    /// Returns `true` if the filter takes all series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Indicator {
    fn eq(&self, other: &Self) -> bool {
        // A name stands for one metric only.
        (self.metric.name, &self.filter, &self.good)
            == (other.metric.name, &other.filter, &other.good)
    }
}

impl Eq for Indicator {}
