//! Percentages and durations in a sentence: "95% of requests under 2s over 30 days".

use std::time::Duration;

use crate::model::units::{Decimal, Percent};

/// A quantity with the text that mentions it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention<'a> {
    pub(super) text: &'a str,
    pub(super) value: MentionedQuantity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionedQuantity {
    Percent(Percent),
    Duration(Duration),
}

/// Returns every quantity whose unit is known; other numbers ("5xx", "p95", "v2") say nothing.
pub(super) fn find_quantities(sentence: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let mut rest = sentence;
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let mention = if first.is_ascii_digit() && !in_word {
            parse_mention(rest)
        } else {
            None
        };
        let length = match mention {
            Some(mention) => mention.text.len(),
            None => first.len_utf8(),
        };
        found.extend(mention);
        // `p95` and `v1.2s` are words, and so is what follows a decimal point.
        in_word = first.is_alphanumeric() || first == '.' || first == ',';
        rest = &rest[length..];
    }
    found
}

/// Parses the quantity at the start of the text.
fn parse_mention(text: &str) -> Option<Mention<'_>> {
    let number = &text[..number_len(text)];
    let after = &text[number.len()..];
    // "30d", "30 d" and "30-day".
    let unit = after.strip_prefix([' ', '-', '\u{a0}']).unwrap_or(after);
    let separator = after.len() - unit.len();
    let unit = &unit[..unit_len(unit)];
    let value = parse_quantity(number.parse().ok()?, unit)?;
    Some(Mention {
        text: &text[..number.len() + separator + unit.len()],
        value,
    })
}

/// Returns the length of the leading number, with a dot only where a digit follows: the full stop of a sentence is not a decimal point.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .find(|&at| !(digit(at) || (bytes[at] == b'.' && digit(at + 1))))
        .unwrap_or(bytes.len())
}

fn unit_len(text: &str) -> usize {
    if text.starts_with('%') {
        return 1;
    }
    text.find(|letter: char| !letter.is_alphanumeric())
        .unwrap_or(text.len())
}

fn parse_quantity(number: Decimal, unit: &str) -> Option<MentionedQuantity> {
    let nanoseconds: u64 = match unit.to_lowercase().as_str() {
        "%" | "percent" => {
            return Percent::try_from(number)
                .ok()
                .map(MentionedQuantity::Percent);
        }
        "ms" | "msec" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hr" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        "w" | "week" | "weeks" => 604_800_000_000_000,
        _ => return None,
    };
    // Nine decimals are the most that can be whole nanoseconds of any of these units.
    let billionths = u128::from(number.to_fixed_point(9)?) * u128::from(nanoseconds);
    let nanoseconds = u64::try_from(billionths / 1_000_000_000).ok()?;
    Some(MentionedQuantity::Duration(Duration::from_nanos(
        nanoseconds,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sentence: &str) -> Vec<&str> {
        find_quantities(sentence)
            .into_iter()
            .map(|mention| mention.text)
            .collect()
    }

    #[test]
    fn a_sentence_gives_its_quantities() {
        let found = find_quantities("95% of requests under 1.5s over 30 days.");
        let values: Vec<_> = found.iter().map(|mention| mention.value).collect();
        assert_eq!(values[0], MentionedQuantity::Percent("95".parse().unwrap()));
        assert_eq!(
            values[1],
            MentionedQuantity::Duration(Duration::from_millis(1_500))
        );
        assert_eq!(
            values[2],
            MentionedQuantity::Duration(Duration::from_secs(30 * 86_400))
        );
        assert_eq!(found[1].text, "1.5s");
    }

    #[test]
    fn units_may_be_words_and_stand_apart() {
        assert_eq!(
            texts("99.9 percent in a 30-day window, 250 ms"),
            ["99.9 percent", "30-day", "250 ms"]
        );
        assert_eq!(texts("within 5 min"), ["5 min"]);
    }

    #[test]
    fn numbers_without_a_unit_say_nothing() {
        assert!(texts("p95 of v2 without 5xx, 1,000s of users, 24 x 7, 2.").is_empty());
        assert!(texts("").is_empty());
        assert!(texts("ends in 3").is_empty());
    }
}
