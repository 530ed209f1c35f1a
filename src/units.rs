//! Units, durations and exact decimals: a number never travels without its unit.

mod decimal;
mod duration;
mod percent;
mod ratio;
mod unit;
mod wide;

pub(crate) use decimal::Decimal;
pub use duration::{DurationError, format_duration, parse_duration};
pub use percent::{Fraction, Percent, PercentError};
pub use ratio::{Ratio, RatioError};
pub use unit::Unit;
