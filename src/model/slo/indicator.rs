//! What an objective beyond the ready-made ones counts: an instrument of the catalog, some of its
//! series, and what is good.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::catalog::MetricSpec;

/// What a further objective counts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Indicator {
    /// The instrument.
    pub metric: &'static MetricSpec,
    /// Which of its events count.
    pub filter: Filter,
    /// Which of those are good.
    pub good: Good,
}

/// What is good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Good {
    /// A value of at most this; of histograms.
    AtMost(Duration),
    /// An event with these labels; of counters.
    Labels(Filter),
}

/// Labels that a series must have; the empty filter takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(pub(super) Vec<(&'static str, Vec<Option<String>>)>);

impl Filter {
    /// Whether a series with these labels is meant. `None` of a label, and in the filter, is its
    /// absence.
    #[must_use]
    pub fn accepts<'a>(&self, label: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.0.iter().all(|(key, values)| {
            let found = label(key);
            values
                .iter()
                .any(|value| value.as_deref() == found.as_deref())
        })
    }

    /// Whether the filter says anything about a label.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.0.iter().any(|(named, _)| *named == key)
    }

    /// The labels, each with the values that it may have; `None` is its absence.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &[Option<String>])> {
        self.0.iter().map(|(key, values)| (*key, values.as_slice()))
    }

    /// Whether the filter takes all series.
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
