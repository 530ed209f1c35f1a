//! Units, durations and exact decimals: a number never travels without its unit.

mod duration;
pub use duration::{DurationError, format_duration, parse_duration};
