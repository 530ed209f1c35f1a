//! Values of gauges and histograms.

use std::time::Duration;

/// A number that a gauge or a histogram takes: any of Rust's, or a duration, which is its seconds.
///
/// Numbers are kept as `f64`: whole ones are exact up to 2⁵³.
pub trait FigureValue: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn to_number(self) -> f64;

    /// The unit that the type implies, for a figure that is not declared.
    #[doc(hidden)]
    fn unit(self) -> Option<&'static str> {
        None
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements the trait")]
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl sealed::Sealed for $number {}

        impl FigureValue for $number {
            #[inline]
            fn to_number(self) -> f64 {
                self as f64
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);

impl sealed::Sealed for Duration {}

impl FigureValue for Duration {
    #[inline]
    fn to_number(self) -> f64 {
        self.as_secs_f64()
    }

    fn unit(self) -> Option<&'static str> {
        Some("s")
    }
}
