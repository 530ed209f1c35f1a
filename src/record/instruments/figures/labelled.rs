//! Figures as methods of a struct, whose labels are parameters.

use super::{FigureCounter, FigureGauge, FigureHistogram, FigureValue};

/// A figure with the values of its labels, ready to record; the methods that [`figures!`](crate::figures) makes
/// return it.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is recorded yet"]
pub struct LabelledFigure<'a, F, const N: usize> {
    figure: &'a F,
    labels: [(&'a str, &'a str); N],
}

impl<'a, F, const N: usize> LabelledFigure<'a, F, N> {
    #[doc(hidden)]
    pub const fn new(figure: &'a F, labels: [(&'a str, &'a str); N]) -> Self {
        Self { figure, labels }
    }
}

impl<const N: usize> LabelledFigure<'_, FigureCounter, N> {
    /// Counts events.
    pub fn add(&self, events: u64) {
        self.figure.add(events, &self.labels);
    }
}

impl<const N: usize> LabelledFigure<'_, FigureGauge, N> {
    /// Sets the value.
    pub fn set(&self, value: impl FigureValue) {
        self.figure.set(value, &self.labels);
    }
}

impl<const N: usize> LabelledFigure<'_, FigureHistogram, N> {
    /// Records a value.
    pub fn record(&self, value: impl FigureValue) {
        self.figure.record(value, &self.labels);
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
