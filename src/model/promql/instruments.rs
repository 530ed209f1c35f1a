//! A metric as a query sees it: what can be asked of a counter, a gauge, a histogram.

use super::labels;
use super::selector::{Select, Selector, quoted};
use super::{Number, Vector, Window};
use crate::model::catalog::{Instrument, MetricSpec};
use crate::model::units::{Ratio, canonical};

/// A sum that only grows: what matters is how fast.
#[derive(Debug, Clone)]
pub struct Counter(Selector);

/// A value that comes and goes.
#[derive(Debug, Clone)]
pub struct Gauge(Selector);

/// A distribution over buckets.
#[derive(Debug, Clone)]
pub struct Histogram {
    selector: Selector,
    bounds: Vec<f64>,
}

impl Counter {
    /// All series of a counter.
    ///
    /// # Panics
    ///
    /// When the metric is none; at compile time in a constant.
    #[must_use]
    pub const fn of(spec: &'static MetricSpec) -> Counter {
        let counter = matches!(
            spec.instrument,
            Instrument::Counter | Instrument::ObservableCounter
        );
        assert!(counter, "not a counter");
        Counter(Selector::all(spec))
    }

    /// How fast it grows, in its unit a second.
    #[must_use]
    pub fn rate(&self, window: Window) -> Vector {
        self.over(window, "rate")
    }

    /// By how much it grew.
    #[must_use]
    pub fn increase(&self, window: Window) -> Vector {
        self.over(window, "increase")
    }

    /// By how much it grew in a window that ended a while ago.
    #[must_use]
    pub fn increase_before(&self, window: Window, while_ago: Window) -> Vector {
        let text = format!(
            "increase({}[{window}] offset {while_ago})",
            self.0.text("", &[])
        );
        Vector::atom(text, labels::of(self.0.spec))
    }

    /// Which series there are; the values mean nothing.
    #[must_use]
    pub fn presence(&self) -> Vector {
        Vector::atom(self.0.text("", &[]), labels::of(self.0.spec))
    }

    fn over(&self, window: Window, function: &str) -> Vector {
        ranged(function, &self.0.text("", &[]), window, &self.0)
    }
}

impl Gauge {
    /// All series of a gauge.
    ///
    /// # Panics
    ///
    /// When the metric is none; at compile time in a constant.
    #[must_use]
    pub const fn of(spec: &'static MetricSpec) -> Gauge {
        let gauge = matches!(
            spec.instrument,
            Instrument::Gauge | Instrument::ObservableGauge | Instrument::UpDownCounter
        );
        assert!(gauge, "not a gauge");
        Gauge(Selector::all(spec))
    }

    /// Its value.
    #[must_use]
    pub fn now(&self) -> Vector {
        Vector::atom(self.0.text("", &[]), labels::of(self.0.spec))
    }

    /// Its value a while ago.
    #[must_use]
    pub fn before(&self, while_ago: Window) -> Vector {
        let text = format!("{} offset {while_ago}", self.0.text("", &[]));
        Vector::atom(text, labels::of(self.0.spec))
    }

    /// Its mean over a window.
    #[must_use]
    pub fn mean(&self, window: Window) -> Vector {
        self.over(window, "avg_over_time")
    }

    /// Its greatest value in a window.
    #[must_use]
    pub fn greatest(&self, window: Window) -> Vector {
        self.over(window, "max_over_time")
    }

    /// By how much it changes a second, by least squares over a window.
    #[must_use]
    pub fn slope(&self, window: Window) -> Vector {
        self.over(window, "deriv")
    }

    fn over(&self, window: Window, function: &str) -> Vector {
        ranged(function, &self.0.text("", &[]), window, &self.0)
    }
}

impl Histogram {
    /// All series of a histogram.
    ///
    /// # Panics
    ///
    /// When the metric is none.
    #[must_use]
    pub fn of(spec: &'static MetricSpec) -> Histogram {
        let Instrument::Histogram(bounds) = spec.instrument else {
            panic!("{} is not a histogram", spec.name);
        };
        Histogram {
            selector: Selector::all(spec),
            bounds: bounds.to_vec(),
        }
    }

    /// With a bucket that the threshold of an objective adds.
    #[must_use]
    pub fn and_bucket(mut self, bound: f64) -> Histogram {
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
    pub fn quantile(&self, share: Ratio, window: Window, by: &[&str]) -> Vector {
        let buckets = self.buckets(window, by);
        let number = Number::from(share);
        let labels = buckets
            .labels()
            .iter()
            .filter(|label| *label != "le")
            .cloned()
            .collect();
        Vector::atom(format!("histogram_quantile({number}, {buckets})"), labels)
    }

    /// How many values a second fall into each bucket and those below it.
    ///
    /// # Panics
    ///
    /// When a label isn't declared.
    #[track_caller]
    #[must_use]
    pub fn buckets(&self, window: Window, by: &[&str]) -> Vector {
        let mut labels = labels::of(self.selector.spec);
        labels.insert("le".into());
        let text = self.selector.text("_bucket", &[]);
        let rate = Vector::atom(format!("rate({text}[{window}])"), labels);
        rate.sum_by(&[&["le"], by].concat())
    }

    /// How many values a second are at most this.
    ///
    /// # Panics
    ///
    /// When there is no such bucket.
    #[track_caller]
    #[must_use]
    pub fn at_most(&self, bound: f64, window: Window) -> Vector {
        assert!(
            self.bounds.contains(&bound),
            "no bucket {bound} among {:?}",
            self.bounds
        );
        let le = format!("le={}", quoted(&canonical(bound)));
        let text = self.selector.text("_bucket", &[le]);
        ranged("rate", &text, window, &self.selector)
    }

    /// How many values a second there are.
    #[must_use]
    pub fn count(&self, window: Window) -> Vector {
        ranged(
            "rate",
            &self.selector.text("_count", &[]),
            window,
            &self.selector,
        )
    }

    /// How many values came in a window.
    #[must_use]
    pub fn increase(&self, window: Window) -> Vector {
        let text = self.selector.text("_count", &[]);
        ranged("increase", &text, window, &self.selector)
    }

    /// The sum of the values that come in a second.
    #[must_use]
    pub fn sum(&self, window: Window) -> Vector {
        ranged(
            "rate",
            &self.selector.text("_sum", &[]),
            window,
            &self.selector,
        )
    }
}

fn ranged(function: &str, text: &str, window: Window, selector: &Selector) -> Vector {
    Vector::atom(
        format!("{function}({text}[{window}])"),
        labels::of(selector.spec),
    )
}

impl Select for Counter {
    fn selector(&mut self) -> &mut Selector {
        &mut self.0
    }
}

impl Select for Gauge {
    fn selector(&mut self) -> &mut Selector {
        &mut self.0
    }
}

impl Select for Histogram {
    fn selector(&mut self) -> &mut Selector {
        &mut self.selector
    }
}
