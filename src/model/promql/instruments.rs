//! Queries of a counter, a gauge and a histogram.

use super::selector::{Select, Selector};
use super::{InstantVector, QueryNumber, QueryWindow, labels};
use crate::model::catalog::{Instrument, MetricSpec};
use crate::model::promql_literal::quote;
use crate::model::units::{Ratio, format_canonical};

/// A query of a counter: a sum that only grows.
#[derive(Debug, Clone)]
pub struct CounterQuery(Selector);

/// A query of a gauge.
#[derive(Debug, Clone)]
pub struct GaugeQuery(Selector);

/// A query of a histogram: a distribution over buckets.
#[derive(Debug, Clone)]
pub struct HistogramQuery {
    selector: Selector,
    bounds: Vec<f64>,
}

impl CounterQuery {
    /// Selects all series of a counter.
    ///
    /// # Panics
    ///
    /// When the metric is none; at compile time in a constant.
    #[must_use]
    pub const fn new(spec: &'static MetricSpec) -> CounterQuery {
        let counter = matches!(
            spec.instrument,
            Instrument::Counter | Instrument::ObservableCounter
        );
        assert!(counter, "not a counter");
        CounterQuery(Selector::all(spec))
    }

    /// Returns its growth, in its unit a second.
    #[must_use]
    pub fn rate(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "rate")
    }

    /// By how much it grew.
    #[must_use]
    pub fn increase(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "increase")
    }

    /// Returns the increase in a window that ended `while_ago` before.
    #[must_use]
    pub fn increase_offset(&self, window: QueryWindow, while_ago: QueryWindow) -> InstantVector {
        let text = format!(
            "increase({}[{window}] offset {while_ago})",
            self.0.text("", &[])
        );
        InstantVector::atom(text, labels::metric_labels(self.0.spec))
    }

    /// Which series there are; the values mean nothing.
    #[must_use]
    pub fn presence(&self) -> InstantVector {
        InstantVector::atom(self.0.text("", &[]), labels::metric_labels(self.0.spec))
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
    pub const fn new(spec: &'static MetricSpec) -> GaugeQuery {
        let gauge = matches!(
            spec.instrument,
            Instrument::Gauge | Instrument::ObservableGauge | Instrument::UpDownCounter
        );
        assert!(gauge, "not a gauge");
        GaugeQuery(Selector::all(spec))
    }

    /// Its value.
    #[must_use]
    pub fn now(&self) -> InstantVector {
        InstantVector::atom(self.0.text("", &[]), labels::metric_labels(self.0.spec))
    }

    /// Returns the value `while_ago` before.
    #[must_use]
    pub fn offset(&self, while_ago: QueryWindow) -> InstantVector {
        let text = format!("{} offset {while_ago}", self.0.text("", &[]));
        InstantVector::atom(text, labels::metric_labels(self.0.spec))
    }

    /// Returns the mean over a window.
    #[must_use]
    pub fn avg_over_time(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "avg_over_time")
    }

    /// Returns the greatest value in a window.
    #[must_use]
    pub fn max_over_time(&self, window: QueryWindow) -> InstantVector {
        self.range_function(window, "max_over_time")
    }

    /// Returns the change per second, by least squares over a window.
    #[must_use]
    pub fn deriv(&self, window: QueryWindow) -> InstantVector {
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
    pub fn new(spec: &'static MetricSpec) -> HistogramQuery {
        let Instrument::Histogram(bounds) = spec.instrument else {
            panic!("{} is not a histogram", spec.name);
        };
        HistogramQuery {
            selector: Selector::all(spec),
            bounds: bounds.to_vec(),
        }
    }

    /// With a bucket that the threshold of an objective adds.
    #[must_use]
    pub fn and_bucket(mut self, bound: f64) -> HistogramQuery {
        self.bounds.push(bound);
        self
    }

    /// The value below which this share of all values lies, for each combination of labels.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub fn quantile(&self, share: Ratio, window: QueryWindow, by: &[&str]) -> InstantVector {
        let buckets = self.buckets(window, by);
        let number = QueryNumber::from(share);
        let labels = buckets
            .labels()
            .iter()
            .filter(|label| *label != "le")
            .cloned()
            .collect();
        InstantVector::atom(format!("histogram_quantile({number}, {buckets})"), labels)
    }

    /// The value below which this many of 100 values lie, for each combination of labels.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub fn percentile(&self, percent: u32, window: QueryWindow, by: &[&str]) -> InstantVector {
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
    pub fn buckets(&self, window: QueryWindow, by: &[&str]) -> InstantVector {
        let mut labels = labels::metric_labels(self.selector.spec);
        labels.insert("le".into());
        let text = self.selector.text("_bucket", &[]);
        let rate = InstantVector::atom(format!("rate({text}[{window}])"), labels);
        rate.sum_by(&[&["le"], by].concat())
    }

    /// Returns the number of values a second that are at most this.
    ///
    /// # Panics
    ///
    /// When there is no such bucket.
    #[track_caller]
    #[must_use]
    pub fn at_most(&self, bound: f64, window: QueryWindow) -> InstantVector {
        assert!(
            self.bounds.contains(&bound),
            "no bucket {bound} among {:?}",
            self.bounds
        );
        let le = format!("le={}", quote(&format_canonical(bound)));
        let text = self.selector.text("_bucket", &[le]);
        range_function("rate", &text, window, &self.selector)
    }

    /// Returns the number of values a second.
    #[must_use]
    pub fn count(&self, window: QueryWindow) -> InstantVector {
        range_function(
            "rate",
            &self.selector.text("_count", &[]),
            window,
            &self.selector,
        )
    }

    /// Returns the number of values in a window.
    #[must_use]
    pub fn increase(&self, window: QueryWindow) -> InstantVector {
        let text = self.selector.text("_count", &[]);
        range_function("increase", &text, window, &self.selector)
    }

    /// The sum of the values that come in a second.
    #[must_use]
    pub fn sum(&self, window: QueryWindow) -> InstantVector {
        range_function(
            "rate",
            &self.selector.text("_sum", &[]),
            window,
            &self.selector,
        )
    }
}

fn range_function(
    function: &str,
    text: &str,
    window: QueryWindow,
    selector: &Selector,
) -> InstantVector {
    InstantVector::atom(
        format!("{function}({text}[{window}])"),
        labels::metric_labels(selector.spec),
    )
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
        &mut self.selector
    }
}
