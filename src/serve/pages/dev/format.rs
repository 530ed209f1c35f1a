//! Times and durations of the page.

use jiff::Timestamp;

/// Formats a duration in its largest unit, with three digits.
pub(super) fn micros(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let scaled = |unit: u64| micros as f64 / unit as f64;
    let three = |value: f64, unit: &str| match value {
        value if value < 10.0 => format!("{value:.2}\u{a0}{unit}"),
        value if value < 100.0 => format!("{value:.1}\u{a0}{unit}"),
        value => format!("{value:.0}\u{a0}{unit}"),
    };
    match micros {
        0..1_000 => format!("{micros}\u{a0}µs"),
        1_000..1_000_000 => three(scaled(1_000), "ms"),
        _ => three(scaled(1_000_000), "s"),
    }
}

/// Formats an age in whole units.
pub(super) fn age(millis: Option<u64>) -> String {
    match millis {
        None => "–".into(),
        Some(millis @ 0..1_000) => format!("{millis}\u{a0}ms"),
        Some(millis @ 1_000..120_000) => format!("{}\u{a0}s", millis / 1_000),
        Some(millis @ 120_000..7_200_000) => format!("{}\u{a0}min", millis / 60_000),
        Some(millis) => format!("{}\u{a0}h", millis / 3_600_000),
    }
}

/// Formats the time of day of microseconds since 1970, in UTC.
pub(super) fn time_of_day(at_us: u64) -> String {
    let at = i64::try_from(at_us).ok();
    let at = at.and_then(|at| Timestamp::from_microsecond(at).ok());
    at.map_or_else(String::new, |at| at.strftime("%H:%M:%S%.3f").to_string())
}

/// Formats the time of day of a text in RFC 3339.
pub(super) fn time_of_text(text: &str) -> String {
    let at = text.parse::<Timestamp>();
    at.map_or_else(
        |_| text.into(),
        |at| at.strftime("%H:%M:%S%.3f").to_string(),
    )
}

/// Returns the tone of a status of health, and of a worker's state.
pub(super) fn tone(status: &str) -> &'static str {
    match status {
        "pass" | "online" => "ok",
        "warn" | "late" | "new" | "stalled" => "deg",
        "fail" | "offline" => "major",
        _ => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_people_read() {
        let texts = [0, 999, 1_000, 12_345, 999_999, 1_500_000].map(micros);
        let expected = [
            "0\u{a0}µs",
            "999\u{a0}µs",
            "1.00\u{a0}ms",
            "12.3\u{a0}ms",
            "1000\u{a0}ms",
            "1.50\u{a0}s",
        ];
        assert_eq!(texts, expected);
        assert_eq!(age(Some(119_999)), "119\u{a0}s");
        assert_eq!(age(None), "–");
        assert_eq!(time_of_day(1_800_000_000_123_456), "08:00:00.123");
        assert_eq!(time_of_text("2027-01-15T08:00:00.5Z"), "08:00:00.500");
        assert_eq!(time_of_text("?"), "?");
    }
}
