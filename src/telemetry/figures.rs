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

/// Declares a struct of figures: a method for each, whose parameters are the labels.
///
/// A figure or a label that does not exist, and one that is forgotten, are compile errors, where a name in a
/// string is found when it is recorded. Use it for what the service's code declares; figures that only the config
/// file knows are recorded by [`Telemetry::counter`](crate::Telemetry::counter), `gauge` and `histogram`.
///
/// A line has the kind, the method's name, the figure's name with its labels (a limit of values, or the values in
/// brackets), and the rest as [`Figure`](crate::figure::Figure) has it. Its documentation is the help text.
///
/// `declarations()` are for [`Config::figures`](crate::Config::figures), so that objectives can name them and an
/// operator can change them; `new(&telemetry)` has the handles, and declares what the configuration did not.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::{Config, Role, figures};
///
/// figures! {
///     /// The shop's own figures.
///     pub struct ShopFigures {
///         /// Orders that were paid.
///         counter orders("shop.orders", tenant: 200, payment: ["card", "invoice"])
///             .unit("{order}").panel().drop_alert(0.5).daily_total();
///         /// Carts that are open.
///         gauge open_carts("shop.open_carts");
///         /// Time from the basket to the receipt.
///         histogram checkout("shop.checkout.duration", payment: ["card", "invoice"]).unit("s");
///     }
/// }
///
/// let config = Config::new("shop-api", Role::Api).figures(ShopFigures::declarations());
/// let test = TestTelemetry::with_config(config, &[])?;
/// let shop = ShopFigures::new(test.telemetry());
/// shop.orders("acme", "card").add(1);
/// shop.open_carts().set(7);
/// shop.checkout("card").record(Duration::from_millis(1_500));
/// let labels = [("payment", "card"), ("tenant", "acme")];
/// assert_eq!(test.value("shop_orders_total", &labels), Some(1.0));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail
/// vantage_obs::figures! {
///     struct ShopFigures {
///         counter orders("shop.orders", tenant: 200);
///     }
/// }
/// fn pay(shop: &ShopFigures) {
///     shop.orders().add(1); // its tenant is forgotten
/// }
/// ```
#[macro_export]
macro_rules! figures {
    (@handle counter) => { $crate::instruments::FigureCounter };
    (@handle gauge) => { $crate::instruments::FigureGauge };
    (@handle histogram) => { $crate::instruments::FigureHistogram };
    (@one $label:ident) => { 1 };
    (@label $declared:ident, $label:ident, [$($value:expr),* $(,)?]) => {
        $declared.label_values(stringify!($label), [$($value),*])
    };
    (@label $declared:ident, $label:ident, $limit:expr) => {
        $declared.label(stringify!($label), $limit)
    };
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $kind:ident $figure:ident($key:literal $(, $label:ident: $values:tt)* $(,)?)
                    $(.$part:ident($($argument:expr),*))*;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $($figure: $crate::figures!(@handle $kind),)+
        }

        #[allow(dead_code, reason = "a service may record fewer figures than it declares")]
        impl $name {
            /// Returns the declarations, for the configuration.
            #[must_use]
            $visibility fn declarations() -> ::std::vec::Vec<$crate::figure::Figure> {
                ::std::vec![$({
                    let declared = $crate::figure::Figure::$kind($key);
                    let help = concat!("", $($doc),*).trim();
                    let declared = match help {
                        "" => declared,
                        help => declared.description(help),
                    };
                    $(let declared = $crate::figures!(@label declared, $label, $values);)*
                    declared$(.$part($($argument),*))*
                }),+]
            }

            /// Returns the handles, and declares the figures that the configuration does not.
            #[must_use]
            $visibility fn new(telemetry: &$crate::Telemetry) -> Self {
                telemetry.declare_figures(Self::declarations());
                Self {
                    $($figure: telemetry.$kind($key),)+
                }
            }

            $(
                $(#[doc = $doc])*
                $visibility fn $figure<'a>(
                    &'a self,
                    $($label: &'a str),*
                ) -> $crate::instruments::LabelledFigure<
                    'a,
                    $crate::figures!(@handle $kind),
                    { 0 $(+ $crate::figures!(@one $label))* },
                > {
                    let labels = [$((stringify!($label), $label)),*];
                    $crate::instruments::LabelledFigure::new(&self.$figure, labels)
                }
            )+
        }
    };
}
