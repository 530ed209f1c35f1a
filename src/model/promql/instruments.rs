//! Queries of a counter, a gauge and a histogram.
//!
//! Three types for three kinds of instrument, so that `rate` of a gauge or a quantile of a counter
//! does not compile.

use super::selector::{Select, Selector};
use super::{InstantVector, QueryNumber, QueryWindow};
use crate::model::catalog::{Instrument, MetricSpec};
use crate::model::units::Ratio;

/// A query of a counter: a sum that only grows.
#[derive(Debug, Clone)]
pub(crate) struct CounterQuery(Selector);

/// A query of a gauge.
#[derive(Debug, Clone)]
pub(crate) struct GaugeQuery(Selector);

/// A query of a histogram: a distribution over buckets.
#[derive(Debug, Clone)]
pub(crate) struct HistogramQuery(Selector);

impl CounterQuery {
    /// Selects all series of a counter.
    ///
    /// # Panics
    ///
    /// When the metric is none; at compile time in a constant.
    #[must_use]
    pub(crate) const fn new(spec: &'static MetricSpec) -> CounterQuery {
        let counter = matches!(
            spec.instrument,
            Instrument::Counter | Instrument::ObservableCounter
        );
        assert!(counter, "not a counter");
        CounterQuery(Selector::all(spec))
    }

    /// Returns its growth, in its unit a second.
    #[must_use]
    pub(crate) fn rate(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "rate")
    }

    /// By how much it grew.
    #[must_use]
    pub(crate) fn increase(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "increase")
    }

    /// Returns the increase in a window that ended `while_ago` before.
    #[must_use]
    pub(crate) fn increase_offset(
        &self,
        window: QueryWindow,
        while_ago: QueryWindow,
    ) -> InstantVector {
        window_function("increase", &self.0, window, Some(while_ago))
    }

    /// Returns the least value in a window, which may have ended a while ago.
    #[must_use]
    pub(crate) fn min_over_time(
        &self,
        window: QueryWindow,
        while_ago: Option<QueryWindow>,
    ) -> InstantVector {
        window_function("min_over_time", &self.0, window, while_ago)
    }

    /// Returns the value `while_ago` before.
    #[must_use]
    pub(crate) fn offset(&self, while_ago: QueryWindow) -> InstantVector {
        offset(&self.0, while_ago)
    }

    /// Which series there are; the values mean nothing.
    #[must_use]
    pub(crate) fn presence(&self) -> InstantVector {
        InstantVector::atom(self.0.text("", &[]), self.0.labels())
    }

    fn range_function(&self, window: QueryWindow, function: &str) -> InstantVector {
        range_function(function, &self.0.text("", &[]), window, &self.0)
    }
}

impl GaugeQuery {
    /// Selects all series of a gauge.
    ///
    /// # Panics
    ///
    /// When the metric is none; at compile time in a constant.
    #[must_use]
    pub(crate) const fn new(spec: &'static MetricSpec) -> GaugeQuery {
        let gauge = matches!(
            spec.instrument,
            Instrument::Gauge | Instrument::ObservableGauge | Instrument::UpDownCounter
        );
        assert!(gauge, "not a gauge");
        GaugeQuery(Selector::all(spec))
    }

    /// Its value.
    #[must_use]
    pub(crate) fn now(&self) -> InstantVector {
        InstantVector::atom(self.0.text("", &[]), self.0.labels())
    }

    /// Returns the value `while_ago` before.
    #[must_use]
    pub(crate) fn offset(&self, while_ago: QueryWindow) -> InstantVector {
        offset(&self.0, while_ago)
    }

    /// Returns the greatest value in a window, which may have ended a while ago.
    #[must_use]
    pub(crate) fn max_over_time(
        &self,
        window: QueryWindow,
        while_ago: Option<QueryWindow>,
    ) -> InstantVector {
        window_function("max_over_time", &self.0, window, while_ago)
    }

    /// Returns the mean over a window.
    #[must_use]
    pub(crate) fn avg_over_time(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "avg_over_time")
    }

    /// Returns the change per second, by least squares over a window.
    #[must_use]
    pub(crate) fn deriv(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "deriv")
    }

    fn range_function(&self, window: QueryWindow, function: &str) -> InstantVector {
        range_function(function, &self.0.text("", &[]), window, &self.0)
    }
}

impl HistogramQuery {
    /// Selects all series of a histogram.
    ///
    /// # Panics
    ///
    /// When the metric is none.
    #[must_use]
    pub(crate) fn new(spec: &'static MetricSpec) -> HistogramQuery {
        let histogram = matches!(spec.instrument, Instrument::Histogram(_));
        assert!(histogram, "{} is not a histogram", spec.name);
        HistogramQuery(Selector::all(spec))
    }

    /// The value below which this share of all values lies, for each combination of labels.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub(crate) fn quantile(&self, share: Ratio, window: QueryWindow, by: &[&str]) -> InstantVector {
        let buckets = self.buckets(window, by);
        let number = QueryNumber::from(share);
        let labels = buckets.labels().without("le");
        InstantVector::atom(format!("histogram_quantile({number}, {buckets})"), labels)
    }

    /// The value below which this many of 100 values lie, for each combination of labels.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub(crate) fn percentile(
        &self,
        percent: u32,
        window: QueryWindow,
        by: &[&str],
    ) -> InstantVector {
        let share = Ratio::new(i128::from(percent), 100).unwrap_or(Ratio::ONE);
        self.quantile(share, window, by)
    }

    /// Returns the number of values a second in each bucket and those below it.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub(crate) fn buckets(&self, window: QueryWindow, by: &[&str]) -> InstantVector {
        let mut labels = self.0.labels();
        labels.insert("le");
        let text = self.0.text("_bucket", &[]);
        let rate = InstantVector::atom(format!("rate({text}[{window}])"), labels);
        rate.sum_by(&[&["le"], by].concat())
    }

    /// Returns the number of values a second.
    #[must_use]
    pub(crate) fn count(&self, window: QueryWindow) -> InstantVector {
        range_function("rate", &self.0.text("_count", &[]), window, &self.0)
    }

    /// Returns the number of values in a window.
    #[must_use]
    pub(crate) fn increase(&self, window: QueryWindow) -> InstantVector {
        let text = self.0.text("_count", &[]);
        range_function("increase", &text, window, &self.0)
    }
}

/// Formats a function of a range; the labels of the metric stay.
fn range_function(
    function: &str,
    text: &str,
    window: QueryWindow,
    selector: &Selector,
) -> InstantVector {
    InstantVector::atom(format!("{function}({text}[{window}])"), selector.labels())
}

/// Formats a function of a window that may have ended a while ago: the offset belongs to the selector.
fn window_function(
    function: &str,
    selector: &Selector,
    window: QueryWindow,
    while_ago: Option<QueryWindow>,
) -> InstantVector {
    let offset = while_ago.map(|ago| format!(" offset {ago}"));
    let text = selector.text("", &[]);
    InstantVector::atom(
        format!("{function}({text}[{window}]{})", offset.unwrap_or_default()),
        selector.labels(),
    )
}

/// Formats the values of a while ago.
fn offset(selector: &Selector, while_ago: QueryWindow) -> InstantVector {
    let text = format!("{} offset {while_ago}", selector.text("", &[]));
    InstantVector::atom(text, selector.labels())
}

impl Select for CounterQuery {
    fn selector(&mut self) -> &mut Selector {
        &mut self.0
    }
}

impl Select for GaugeQuery {
    fn selector(&mut self) -> &mut Selector {
        &mut self.0
    }
}

impl Select for HistogramQuery {
    fn selector(&mut self) -> &mut Selector {
        &mut self.0
    }
}
