//! Numbers as text: exact integers, shortest floats, canonical bucket bounds.

/// A value that a sample can have.
pub(super) trait Number: Copy {
    /// Appends the shortest text that reads back as the same number.
    fn write(self, out: &mut String);

    /// The nearest float: for comparing, not for printing.
    fn to_f64(self) -> f64;
}

impl Number for u64 {
    fn write(self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(self));
    }

    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl Number for i64 {
    fn write(self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(self));
    }

    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl Number for f64 {
    fn write(self, out: &mut String) {
        /// Below 2^53 every whole float is exactly one integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if self.trunc() == self && self.abs() < EXACT && (self != 0.0 || self.is_sign_positive()) {
            (self as i64).write(out);
        } else if self.is_finite() {
            out.push_str(zmij::Buffer::new().format_finite(self));
        } else {
            out.push_str(not_finite(self));
        }
    }

    fn to_f64(self) -> f64 {
        self
    }
}

/// The value of an `le` or `quantile` label, as OpenMetrics wants it and as Prometheus 3 rewrites
/// it: shortest, always with a point or an exponent, the exponent as Go prints it.
///
/// A label's text is part of a series' identity, so that this text must be the same in every
/// format and for every scraper.
pub(super) fn canonical(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        let plain = format!("{value}");
        let point = if plain.contains('.') { "" } else { ".0" };
        format!("{plain}{point}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Number) -> String {
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

    /// The right column was printed by Go's `strconv.FormatFloat(x, 'g', -1, 64)`, with ".0" added
    /// to whole numbers: what Prometheus 3 makes of the left.
    #[test]
    fn canonical_floats_are_those_of_prometheus_3() {
        let table = [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (2.5, "2.5"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e-10, "1e-10"),
            (5e-324, "5e-324"),
            (100_000.0, "100000.0"),
            (123_456.0, "123456.0"),
            (999_999.5, "999999.5"),
            (1e6, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e21, "1e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in table {
            assert_eq!(canonical(value), expected);
        }
    }
}
