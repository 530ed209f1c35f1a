//! Texts that become exact numbers: durations, decimals, ratios, and times of a schedule.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::fingerprint;
use super::input::texts;
use crate::model::schedule::Schedule;
use crate::model::units::{
    Percent, Ratio, format_duration, format_duration_spaced, parse_duration,
};

pub(super) fn duration(data: &[u8]) -> u64 {
    let [text] = texts(data);
    match parse_duration(&text) {
        Ok(duration) => {
            let formatted = format_duration(duration);
            assert_eq!(
                parse_duration(&formatted),
                Ok(duration),
                "{text:?} is {formatted}"
            );
            assert_eq!(format_duration_spaced(duration).replace(' ', ""), formatted);
            assert_eq!(duration.as_nanos(), nanos(&text), "{text:?}");
            fingerprint((true, text.matches(char::is_alphabetic).count()))
        }
        Err(error) => {
            // A number is not a unit; what is wrong is told within bounds.
            assert!(error.to_string().len() <= 128 + 12 * text.len());
            fingerprint((false, std::mem::discriminant(&error)))
        }
    }
}

/// Adds up a duration that is known to be one.
fn nanos(text: &str) -> u128 {
    let (mut total, mut amount, mut unit) = (0, 0_u128, String::new());
    let length = |unit: &str| match unit {
        "w" => 604_800_000_000_000,
        "d" => 86_400_000_000_000,
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1_u128,
        other => panic!("{other:?} is no unit of {text:?}"),
    };
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => {
                if !unit.is_empty() {
                    total += amount * length(&unit);
                    amount = 0;
                    unit.clear();
                }
                amount = amount * 10 + u128::from(digit);
            }
            None => unit.push(c),
        }
    }
    total + amount * length(&unit)
}

pub(super) fn decimal(data: &[u8]) -> u64 {
    let [text, other] = texts(data);
    if let Ok(percent) = text.parse::<Percent>() {
        assert!((Percent::ZERO..=Percent::HUNDRED).contains(&percent));
        assert_eq!(percent.to_string().parse(), Ok(percent));
        assert_eq!(percent.complement().complement(), percent);
        let hundredth: Ratio = percent
            .to_string()
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            Some(percent.to_ratio()),
            hundredth.checked_div(Ratio::from(100))
        );
    }
    let (Ok(left), Ok(right)) = (text.parse::<Ratio>(), other.parse::<Ratio>()) else {
        return fingerprint((
            text.parse::<Percent>().is_ok(),
            text.parse::<Ratio>().is_ok(),
        ));
    };
    if let (Some(left_scaled), Some(right_scaled)) = (scaled(&text), scaled(&other)) {
        assert_eq!(
            left.cmp(&right),
            left_scaled.cmp(&right_scaled),
            "{text} and {other}"
        );
        let difference = left.checked_sub(right);
        let sign = difference.map(|difference| difference.cmp(&Ratio::ZERO));
        assert!(
            sign.is_none_or(|sign| sign == left_scaled.cmp(&right_scaled)),
            "{text} - {other}"
        );
    }
    assert_rounded(left);
    fingerprint((
        left.cmp(&right),
        left.is_negative(),
        text.contains(['e', 'E']),
    ))
}

/// A decimal in units of 10^-12, where it is a small one.
fn scaled(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if text.contains(['e', 'E']) || whole.len() > 18 || fraction.len() > 12 {
        return None;
    }
    let number = |digits: &str| format!("0{digits}").parse::<i128>().ok();
    Some(sign * (number(whole)? * 1_000_000_000_000 + number(&format!("{fraction:0<12}"))?))
}

/// The floor is not above, the ceiling not below, and they are at most one last digit apart.
#[track_caller]
fn assert_rounded(ratio: Ratio) {
    for places in [0, 3, 18] {
        let (floor, ceil) = (ratio.format_floor(places), ratio.format_ceil(places));
        let (Ok(low), Ok(high)) = (floor.parse::<Ratio>(), ceil.parse::<Ratio>()) else {
            // More digits than a decimal holds.
            continue;
        };
        assert!(
            low <= ratio && ratio <= high,
            "{floor} to {ceil}: {ratio:?}"
        );
        let step = Ratio::new(1, 10_u128.pow(places));
        assert!(high.checked_sub(low) <= step, "{floor} to {ceil}");
        let trimmed = ratio.format_trimmed(places);
        assert_eq!(trimmed.parse::<Ratio>(), Ok(low), "{trimmed}");
    }
}

/// Ratios of any terms, also those that no decimal has.
pub(super) fn ratio(data: &[u8]) -> u64 {
    let mut numbers = data.chunks(16).map(|chunk| {
        let mut bytes = [0; 16];
        bytes[..chunk.len()].copy_from_slice(chunk);
        u128::from_le_bytes(bytes)
    });
    let mut number = || numbers.next().unwrap_or_default();
    let ratio = |numerator: u128, denominator: u128| Ratio::new(numerator as i128, denominator);
    let (left, right) = (ratio(number(), number()), ratio(number(), number()));
    let (Some(left), Some(right)) = (left, right) else {
        return 0;
    };
    assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
    assert_eq!(left.reduced(), left, "{left:?}");
    assert_eq!(fingerprint(left.reduced()), fingerprint(left));
    assert_rounded(left);
    let product = left.checked_mul(right);
    assert_eq!(product, right.checked_mul(left));
    if let Some(quotient) = product.and_then(|product| product.checked_div(right)) {
        assert!(
            quotient == left || right == Ratio::ZERO,
            "{left:?} {right:?}"
        );
    }
    let float = left.to_f64();
    assert!(
        float.is_finite() && (float < 0.0) == (left < Ratio::ZERO) || float == 0.0,
        "{float}"
    );
    let time = Duration::from_nanos(number() as u64);
    let part = left.mul_duration(time);
    let is_part = Ratio::ZERO <= left && left <= Ratio::ONE;
    assert!(!is_part || part <= time, "{part:?} of {time:?}");
    let longer = left.div_duration(time);
    assert!(!is_part || longer.is_none_or(|longer| longer >= time));
    let _ = left.complement();
    assert!(Ratio::from_durations(part, time).is_none_or(|share| !share.is_negative()));
    fingerprint((
        left.cmp(&right),
        left.is_negative(),
        product.is_some(),
        longer.is_some(),
    ))
}

pub(super) fn cron(data: &[u8]) -> u64 {
    let [expression, zone, second] = texts(data);
    let zone = if zone.is_empty() { "UTC" } else { &*zone };
    let schedule = match Schedule::cron(&expression, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            let limit = 256 + 12 * (expression.len() + zone.len());
            assert!(error.to_string().len() <= limit, "{error}");
            return fingerprint((false, error.to_string().len() / 16));
        }
    };
    let second: i64 = second.trim().parse().unwrap_or(1_800_000_000);
    let after = Timestamp::from_second(second % 100_000_000_000).unwrap_or_default();
    let next = schedule.next_after(after);
    if let Some(next) = next {
        assert!(next > after, "{next} after {after}");
        assert_eq!(next.as_second() % 60, 0, "{next}");
        if zone == "UTC" {
            let due = |at: Timestamp| is_due(&expression, &at.to_zoned(TimeZone::UTC));
            assert!(due(next), "{next} is not due by {expression}");
            // The minutes between, up to some hours of them.
            let first = after.as_second().div_euclid(60) + 1;
            for minute in (first..next.as_second() / 60).take(300) {
                let at = Timestamp::from_second(minute * 60).unwrap_or_default();
                assert!(!due(at), "{at} is due before {next} by {expression}");
            }
        }
    }
    fingerprint((
        true,
        next.is_some(),
        expression.matches([',', '-', '/', '*']).count(),
    ))
}

/// A plain reading of a cron expression that is known to be one.
fn is_due(expression: &str, at: &Zoned) -> bool {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let fields: Vec<_> = expression.split_ascii_whitespace().collect();
    let field = |index: usize, value: i8, first: i64, last: i64, names: &[&str]| {
        let value = i64::from(value);
        let number = |text: &str| {
            let named = names
                .iter()
                .position(|name| text.eq_ignore_ascii_case(name));
            named.map_or_else(|| text.parse().unwrap_or(-1), |at| at as i64 + first)
        };
        fields[index].split(',').any(|item| {
            let (range, step) = item.split_once('/').unwrap_or((item, ""));
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (first, last),
                Some((from, to)) => (number(from), number(to)),
                None if step.is_empty() => (number(range), number(range)),
                None => (number(range), last),
            };
            let step = step.parse().unwrap_or(1);
            (from..=to).contains(&value) && (value - from) % step == 0
        })
    };
    let weekday = at.weekday().to_sunday_zero_offset();
    let day_of_month = field(2, at.day(), 1, 31, &[]);
    let day_of_week = field(4, weekday, 0, 7, &DAYS) || weekday == 0 && field(4, 7, 0, 7, &DAYS);
    let day = match fields[2].starts_with('*') || fields[4].starts_with('*') {
        true => day_of_month && day_of_week,
        false => day_of_month || day_of_week,
    };
    day && field(0, at.minute(), 0, 59, &[])
        && field(1, at.hour(), 0, 23, &[])
        && field(3, at.month(), 1, 12, &MONTHS)
}
