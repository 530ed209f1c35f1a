//! Units, durations and exact decimals: a number never travels without its unit.

mod decimal;
mod percent;

pub(crate) use decimal::Decimal;
pub use percent::{Fraction, Percent, PercentError};
