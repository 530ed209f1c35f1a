//! Units, durations and exact decimals: a number never travels without its unit.

mod canonical_float;
mod decimal;
mod duration;
mod percent;
mod ratio;
mod unit;
mod wide;

pub(crate) use canonical_float::{format_canonical, format_non_finite};
pub(crate) use decimal::Decimal;
pub(crate) use duration::format_duration_spaced;
pub use duration::{DurationError, format_duration, parse_duration};
pub use percent::{Percent, PercentError};
pub use ratio::{Ratio, RatioError};
pub use unit::Unit;

/// Serializes a number in its shortest form: 95 and not 95.0. Values that are not finite become null.
///
/// JSON itself does not distinguish them, but people do, and so do tests of golden files.
pub(crate) fn serialize_number<S: serde::Serializer>(
    value: f64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // Below 2^53 every whole number is one of both kinds.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < WHOLE {
        return serializer.serialize_i64(value as i64);
    }
    serializer.serialize_f64(value)
}
