//! Handles of a service's own figures.
//!
//! A handle finds its series without a lock or an allocation, as every handle of the crate does. Labels are given by
//! name, in any order; one that is left out is absent.
//!
//! What becomes of a recording that does not fit its declaration stands in the table of the parent module.

mod cell;
mod declarations;
mod labelled;
mod metrics;
mod mismatch;
mod recorder;
mod registry;
mod value;

use std::sync::Arc;

use cell::FigureCell;
use mismatch::Mismatch;
use recorder::{CounterRecorder, GaugeRecorder, HistogramRecorder};

pub use labelled::LabelledFigure;
pub(crate) use metrics::FigureMetrics;
pub(crate) use registry::FigureInstruments;
pub use value::FigureValue;

/// A counter among the service's figures. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::figure::Figure;
/// use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::{Config, Role};
///
/// let config = Config::new("shop-api", Role::Api)
///     .figure(Figure::counter("shop.orders").label("tenant", 200).label_values("payment", ["card", "invoice"]));
/// let test = TestTelemetry::with_config(config, &[])?;
/// let orders = test.telemetry().counter("shop.orders");
/// orders.add(1, &[("tenant", "acme"), ("payment", "card")]);
/// orders.add(2, &[("payment", "card"), ("tenant", "acme")]);
/// let labels = [("payment", "card"), ("tenant", "acme")];
/// assert_eq!(test.value("shop_orders_total", &labels), Some(3.0));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FigureCounter(Arc<FigureCell<CounterRecorder>>);

/// A gauge among the service's figures. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::figure::Figure;
/// use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::{Config, Role};
///
/// let config = Config::new("shop-api", Role::Api).figure(Figure::gauge("shop.open_carts"));
/// let test = TestTelemetry::with_config(config, &[])?;
/// let carts = test.telemetry().gauge("shop.open_carts");
/// carts.set(7, &[]);
/// carts.set(5, &[]);
/// assert_eq!(test.value("shop_open_carts", &[]), Some(5.0));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FigureGauge(Arc<FigureCell<GaugeRecorder>>);

/// A histogram among the service's figures. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// use vantage_obs::figure::Figure;
/// use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::{Config, Role};
///
/// let config = Config::new("shop-api", Role::Api)
///     .figure(Figure::histogram("shop.checkout.duration").unit("s"));
/// let test = TestTelemetry::with_config(config, &[])?;
/// let checkouts = test.telemetry().histogram("shop.checkout.duration");
/// checkouts.record(Duration::from_millis(1_500), &[]); // a duration is its seconds
/// assert_eq!(test.value("shop_checkout_duration_seconds_sum", &[]), Some(1.5));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FigureHistogram(Arc<FigureCell<HistogramRecorder>>);

impl FigureCounter {
    /// Counts events, with these labels by name.
    pub fn add(&self, events: u64, labels: &[(&str, &str)]) {
        self.0.record(labels, None, |series| series.add(events));
    }

    /// Counts events, with these values in the order of the declaration.
    pub(crate) fn add_to(&self, events: u64, values: &[&str]) {
        self.0.record_to(values, |series| series.add(events));
    }
}

impl FigureGauge {
    /// Sets the value of the series with these labels by name.
    pub fn set(&self, value: impl FigureValue, labels: &[(&str, &str)]) {
        let number = value.to_number();
        if number.is_finite() {
            self.0
                .record(labels, value.unit(), |series| series.set(number));
        } else {
            self.0.tell(Mismatch::Value);
        }
    }
}

impl FigureHistogram {
    /// Records a value in the series with these labels by name. Inside a span whose trace is kept, it becomes an
    /// exemplar.
    pub fn record(&self, value: impl FigureValue, labels: &[(&str, &str)]) {
        let number = value.to_number();
        // A sum that is no number, or that shrinks, would be so for the life of the process.
        if number.is_finite() && number >= 0.0 {
            self.0
                .record(labels, value.unit(), |series| series.record(number));
        } else {
            self.0.tell(Mismatch::Value);
        }
    }
}
