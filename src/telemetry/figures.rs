//! The service's own figures.

use super::Telemetry;
use crate::model::figure::Figure;
use crate::record::instruments::{FigureCounter, FigureGauge, FigureHistogram};

impl Telemetry {
    /// Returns the counter of this name, as `figures` of the configuration declares it; it is in the scrape from
    /// then on. Keep it where it is used: finding it again costs one look-up.
    ///
    /// A name that is not declared, or that is of another kind, never panics;
    /// [`instruments`](crate::instruments#figures-of-the-services-own) says what becomes of it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::figure::Figure;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::{Config, Role};
    ///
    /// let orders = Figure::counter("shop.orders").label("tenant", 200);
    /// let test = TestTelemetry::with_config(Config::new("shop-api", Role::Api).figure(orders), &[])?;
    /// let orders = test.telemetry().counter("shop.orders");
    /// orders.add(1, &[("tenant", "acme")]);
    /// assert_eq!(test.value("shop_orders_total", &[("tenant", "acme")]), Some(1.0));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counter(&self, name: &str) -> FigureCounter {
        self.0.handles.figures.counter(name)
    }

    /// Returns the gauge of this name, as [`counter`](Self::counter) does.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// // Not declared: told once, and recorded all the same.
    /// test.telemetry().gauge("shop.open_carts").set(5, &[("area", "eu")]);
    /// assert_eq!(test.value("shop_open_carts", &[("area", "eu")]), Some(5.0));
    /// # }
    /// ```
    #[must_use]
    pub fn gauge(&self, name: &str) -> FigureGauge {
        self.0.handles.figures.gauge(name)
    }

    /// Returns the histogram of this name, as [`counter`](Self::counter) does.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::figure::Figure;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::{Config, Role};
    ///
    /// let items = Figure::histogram("shop.basket.items").unit("{item}").buckets([1.0, 5.0, 25.0]);
    /// let test = TestTelemetry::with_config(Config::new("shop-api", Role::Api).figure(items), &[])?;
    /// test.telemetry().histogram("shop.basket.items").record(3, &[]);
    /// let up_to_five = [("le", "5.0")];
    /// assert_eq!(test.value("shop_basket_items_bucket", &up_to_five), Some(1.0));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn histogram(&self, name: &str) -> FigureHistogram {
        self.0.handles.figures.histogram(name)
    }

    /// Declares what the configuration does not; for the constructor that [`figures!`](crate::figures) makes.
    #[doc(hidden)]
    pub fn declare_figures(&self, figures: Vec<Figure>) {
        self.0.handles.figures.declare(figures);
    }
}
