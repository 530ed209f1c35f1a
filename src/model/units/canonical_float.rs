//! Canonical floats, as OpenMetrics writes bucket bounds.

/// Formats the value of an `le` or `quantile` label, as OpenMetrics wants it and as Prometheus 3 rewrites
/// it: shortest, always with a point or an exponent, the exponent as Go prints it.
///
/// A label's text is part of a series' identity, so that this text must be the same in every
/// format and for every scraper.
pub(crate) fn format_canonical(value: f64) -> String {
    if !value.is_finite() {
        return format_non_finite(value).to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // The canonical numbers of OpenMetrics: 0.0001 and 100000.0 are written plainly, 1e-05 and
    // 1e+06 with an exponent. See
    // <https://prometheus.io/docs/specs/om/open_metrics_spec/#considerations-canonical-numbers>.
    if (-4..6).contains(&exponent) {
        let plain = format!("{value}");
        let point = if plain.contains('.') { "" } else { ".0" };
        format!("{plain}{point}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}

/// Formats a number that is not finite.
pub(crate) fn format_non_finite(value: f64) -> &'static str {
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
            assert_eq!(format_canonical(value), expected);
        }
    }
}
