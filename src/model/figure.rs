//! The figures of a service: metrics that it declares, as the catalog declares the crate's own.
//!
//! A declaration says everything that instruments, queries, panels and alerts need: name, kind, unit, labels
//! with their limits. From it follows one [`MetricSpec`], and from then on nothing tells a figure from a metric
//! of the catalog.
//!
//! Why declare at all, where a meter makes any instrument? Because a dashboard, a rule or an objective can't be
//! made from what was recorded once: it needs the kind and the labels before the first event; and because a
//! label without a limit grows until the monitoring fails.

mod collection;
#[doc(hidden)]
pub mod declared;
mod mend;
pub(crate) mod preset;
mod rules;
mod spec;
mod totaled;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::catalog::MetricSpec;
use super::string_enum::string_enum;
use super::units::Ratio;

pub use collection::Figures;
pub(crate) use collection::MAX_FIGURES;
pub(crate) use rules::MAX_LABELS;
pub(crate) use totaled::FigureSpec;

/// A figure of the service: the declaration of a metric, and of what is generated for it.
///
/// ```
/// use vantage_obs::config::Environment;
/// use vantage_obs::figure::Figure;
/// use vantage_obs::{Config, Role};
///
/// let orders = Figure::counter("shop.orders")
///     .description("Orders that were paid")
///     .unit("{order}")
///     .label("tenant", 200)
///     .label_values("payment", ["card", "invoice"])
///     .panel()
///     .drop_alert(0.5)
///     .daily_total();
/// assert_eq!(orders.metric().unwrap().prometheus_name(), "shop_orders_total");
///
/// let config = Config::new("shop-api", Role::Api).figure(orders);
/// let effective = config.resolve(&Environment::empty())?;
/// assert!(effective.config.figures.get("shop.orders").is_some());
/// # Ok::<(), vantage_obs::config::ConfigError>(())
/// ```
///
/// The same in a file, where an operator can also change single members of what the code declares:
///
/// ```json
/// {"figures": {"shop.orders": {
///     "kind": "counter", "description": "Orders that were paid", "unit": "{order}",
///     "labels": {"tenant": 200, "payment": ["card", "invoice"]},
///     "panel": true, "drop_alert": 0.5, "daily_total": true
/// }}}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figure {
    /// The OpenTelemetry name, such as `shop.orders`: 1 to 200 of `a-z 0-9 . _`, beginning with a letter,
    /// outside `vantage.`, without the unit or `total` at its end, which exporters append.
    #[serde(skip)]
    pub name: String,
    /// The kind of instrument.
    pub kind: FigureKind,
    /// The unit: `s`, `By`, `1` of a gauge that is a ratio, or a count in braces such as `{order}`.
    /// Default: none.
    pub unit: Option<String>,
    /// One sentence, which is the help text of the scrape: 1 to 255 bytes. Default: the name.
    pub description: Option<String>,
    /// The labels, at most 5, each with its values.
    pub labels: BTreeMap<String, FigureLabel>,
    /// The upper bounds of a histogram's buckets, in its unit: at most 50, ascending. Default: bounds that
    /// suit the unit.
    pub buckets: Vec<f64>,
    /// Draws the figure on the service's generated dashboard. Default: false.
    pub panel: bool,
    /// Raises an alert when a counter grows by less than this multiple of what is usual at this time of the
    /// week: more than 0, less than 1. Default: none.
    pub drop_alert: Option<Ratio>,
    /// Raises an alert when a counter grows by more than this multiple of what is usual: more than 1, at most
    /// 1000. Default: none.
    pub spike_alert: Option<Ratio>,
    /// Keeps a total of each day (UTC) in the store where that is `postgres`: the sum of a counter, the largest
    /// value of a gauge in whole numbers. Default: false.
    pub daily_total: bool,
}

/// The kind of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FigureKind {
    /// A sum that only grows: orders, money in minor units.
    Counter,
    /// The last value that was set: open carts.
    Gauge,
    /// A distribution over buckets: durations, sizes.
    Histogram,
}

string_enum!(pub FigureKind {
    Counter: "counter",
    Gauge: "gauge",
    Histogram: "histogram",
});

/// The values that a label of a figure can have. What does not fit is recorded in the figure's overflow series.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureLabel {
    /// Any text, at most this many different ones: 1 to `metrics.cardinality_limit`.
    AtMost(usize),
    /// One of these: at most 50, each of 1 to 128 bytes.
    OneOf(Vec<String>),
}

impl Serialize for FigureLabel {
    /// As the configuration has it: `200`, or `["card", "invoice"]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AtMost(limit) => limit.serialize(serializer),
            Self::OneOf(values) => values.serialize(serializer),
        }
    }
}

impl Figure {
    /// A figure of this name and kind, without labels, that nothing is generated for.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: FigureKind) -> Self {
        Self {
            name: name.into(),
            kind,
            unit: None,
            description: None,
            labels: BTreeMap::new(),
            buckets: Vec::new(),
            panel: false,
            drop_alert: None,
            spike_alert: None,
            daily_total: false,
        }
    }

    /// A sum that only grows.
    #[must_use]
    pub fn counter(name: impl Into<String>) -> Self {
        Self::new(name, FigureKind::Counter)
    }

    /// A value that is set.
    #[must_use]
    pub fn gauge(name: impl Into<String>) -> Self {
        Self::new(name, FigureKind::Gauge)
    }

    /// A distribution; of durations with [`unit("s")`](Self::unit).
    #[must_use]
    pub fn histogram(name: impl Into<String>) -> Self {
        Self::new(name, FigureKind::Histogram)
    }

    /// Sets the unit: `s`, `By`, `1`, or a count in braces such as `{order}`.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets the help text, which stands in a scrape without its full stop.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds a label of at most so many different values.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, limit: usize) -> Self {
        self.labels.insert(key.into(), FigureLabel::AtMost(limit));
        self
    }

    /// Adds a label of these values.
    #[must_use]
    pub fn label_values<V: Into<String>>(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.labels.insert(key.into(), FigureLabel::OneOf(values));
        self
    }

    /// Sets the upper bounds of a histogram's buckets, in its unit.
    #[must_use]
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// Draws it on the service's generated dashboard.
    #[must_use]
    pub fn panel(mut self) -> Self {
        self.panel = true;
        self
    }

    /// Raises an alert below this multiple of what is usual: 0.5 is half.
    #[must_use]
    pub fn drop_alert(mut self, multiple: f64) -> Self {
        self.drop_alert = Some(as_written(multiple));
        self
    }

    /// Raises an alert above this multiple of what is usual: 2 is twice as much.
    #[must_use]
    pub fn spike_alert(mut self, multiple: f64) -> Self {
        self.spike_alert = Some(as_written(multiple));
        self
    }

    /// Keeps a total of each day in the store.
    #[must_use]
    pub fn daily_total(mut self) -> Self {
        self.daily_total = true;
        self
    }

    /// Returns true if an alert is raised on the figure.
    #[cfg(feature = "cli")]
    pub(crate) const fn is_watched(&self) -> bool {
        self.drop_alert.is_some() || self.spike_alert.is_some()
    }

    /// Returns the metric that the figure is; `None` where its declaration breaks a rule, which
    /// [`Config::resolve`](crate::Config::resolve) tells.
    ///
    /// Equal declarations have the same metric. It is kept for the life of the process: a service has as many as
    /// it declares.
    #[must_use]
    pub fn metric(&self) -> Option<&'static MetricSpec> {
        self.faults().is_empty().then(|| spec::intern(self))
    }
}

/// Returns the decimal that a literal was written as: the shortest that is this float, as the file's reader has
/// it. What is no number is 0, which no rule allows.
fn as_written(number: f64) -> Ratio {
    number.to_string().parse().unwrap_or(Ratio::ZERO)
}

#[cfg(test)]
mod tests;
