//! Units, durations and exact decimals: a number never travels without its unit.

mod bound;
mod decimal;
mod duration;
mod percent;
mod ratio;
mod unit;
mod wide;

pub(crate) use bound::{canonical, not_finite};
pub(crate) use decimal::Decimal;
pub use duration::{DurationError, format_duration, parse_duration};
pub use percent::{Fraction, Percent, PercentError};
pub use ratio::{Ratio, RatioError};
pub use unit::Unit;

/// Writes a number as people do: 95 and not 95.0. What isn't finite is null.
pub(crate) fn number<S: serde::Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Below 2^53 every whole number is one of both kinds.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < WHOLE {
        return serializer.serialize_i64(value as i64);
    }
    serializer.serialize_f64(value)
}
