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
/// brackets), and the rest as [`Figure`](crate::figure::Figure) has it. The first paragraph of its documentation is the
/// help text. What breaks a rule of declarations does not compile, where it is written as a literal.
///
/// `declarations()` are for [`Config::figures`](crate::Config::figures): objectives and the config file name only
/// figures that are known at `init`. `new(&telemetry)` has the handles, and declares what the configuration did not,
/// with the members that the config file sets; of a member with a fault it keeps its default, and the log tells it.
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
///
/// ```compile_fail,E0080
/// vantage_obs::figures! {
///     struct ShopFigures {
///         /// A help text of two lines, of which a scrape has to show every word; it goes on and on, and tells what the
///         /// figure is not, and who asked for it, and since when it is there, until it has more than 255 bytes, which is
///         /// more than any scrape should have to say of one metric.
///         counter orders("shop.orders");
///     }
/// }
/// ```
///
/// ```compile_fail,E0080
/// vantage_obs::figures! {
///     struct ShopFigures {
///         counter orders("shop.orders").unit("order"); // {order}
///     }
/// }
/// ```
///
/// ```compile_fail,E0080
/// vantage_obs::figures! {
///     struct ShopFigures {
///         gauge carts("shop.carts", job: 5); // a label that Prometheus gives each series
///     }
/// }
/// ```
///
/// ```compile_fail,E0080
/// vantage_obs::figures! {
///     struct ShopFigures {
///         counter orders("shop.orders").drop_alert(50.0); // 0.5
///     }
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
    (@check label [$($value:literal),* $(,)?]) => {
        $crate::figure::declared::check_values(&[$($value),*])
    };
    (@check label $limit:literal) => {
        $crate::figure::declared::check_limit($limit)
    };
    (@check unit $kind:ident ($unit:literal)) => {
        $crate::figure::declared::check_unit(stringify!($kind), $unit)
    };
    (@check drop_alert $kind:ident ($multiple:literal)) => {
        $crate::figure::declared::check_drop_alert(stringify!($kind), $multiple)
    };
    (@check spike_alert $kind:ident ($multiple:literal)) => {
        $crate::figure::declared::check_spike_alert(stringify!($kind), $multiple)
    };
    // What is no literal may not be known yet; the configuration checks it.
    (@check $($other:tt)*) => {};
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $kind:ident $figure:ident($key:literal $(, $label:ident: $values:tt)* $(,)?)
                    $(.$part:ident $arguments:tt)*;
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
                    const DOC: &str = concat!($($doc, "\n"),*);
                    // In a block of its own: the name may be that of a variable below.
                    {
                        #[allow(non_upper_case_globals, reason = "the compiler tells a fault with the name of the figure")]
                        const $figure: () = {
                            $crate::figure::declared::check_help(DOC);
                            $crate::figure::declared::check_name($key);
                            $crate::figure::declared::check_labels(&[$(stringify!($label)),*]);
                            $($crate::figures!(@check label $values);)*
                            $($crate::figures!(@check $part $kind $arguments);)*
                        };
                    }
                    let mut declared = $crate::figure::Figure::$kind($key);
                    declared.description = $crate::figure::declared::help(DOC);
                    $(let declared = $crate::figures!(@label declared, $label, $values);)*
                    declared$(.$part $arguments)*
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
