//! Numbers as text: exact integers, shortest floats.

use crate::model::units::format_non_finite;

/// A value that a sample can have.
pub(super) trait SampleValue: Copy {
    /// Appends the shortest text that reads back as the same number.
    fn write(self, out: &mut String);

    /// The nearest float: for comparing, not for printing.
    fn to_f64(self) -> f64;
}

impl SampleValue for u64 {
    fn write(self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(self));
    }

    fn to_f64(self) -> f64 {
        // Rounded above 2^53, which comparing with 0 does not notice.
        self as f64
    }
}

impl SampleValue for i64 {
    fn write(self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(self));
    }

    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl SampleValue for f64 {
    fn write(self, out: &mut String) {
        /// Below 2^53 every whole float is exactly one integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        // Whole numbers without a fraction: `3` is shorter than `3.0`, and what both formats show
        // for counts. Negative zero keeps its sign.
        if self.trunc() == self && self.abs() < EXACT && (self != 0.0 || self.is_sign_positive()) {
            (self as i64).write(out);
        } else if self.is_finite() {
            out.push_str(zmij::Buffer::new().format_finite(self));
        } else {
            out.push_str(format_non_finite(self));
        }
    }

    fn to_f64(self) -> f64 {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl SampleValue) -> String {
        let mut out = String::new();
        value.write(&mut out);
        out
    }

    #[test]
    fn integers_keep_every_digit() {
        assert_eq!(text(u64::MAX), "18446744073709551615");
        assert_eq!(text(i64::MIN), "-9223372036854775808");
        assert_eq!(text((1_u64 << 53) + 1), "9007199254740993");
    }

    #[test]
    fn floats_are_the_shortest_that_read_back_the_same() {
        assert_eq!(text(100.0), "100");
        assert_eq!(text(-3.0), "-3");
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::INFINITY), "+Inf");
        assert_eq!(text(f64::NEG_INFINITY), "-Inf");
        for value in [
            0.1 + 0.2,
            1e16,
            1e300,
            5e-324,
            f64::MAX,
            f64::MIN,
            -0.0,
            1e-7,
        ] {
            let read: f64 = text(value).parse().unwrap();
            assert_eq!(read.to_bits(), value.to_bits(), "{value:?}");
        }
    }
}
