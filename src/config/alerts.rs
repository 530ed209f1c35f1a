//! The thresholds of alerts: every level of every signal, `null` to switch one off.

use std::time::Duration;

use serde_json::Value;

use super::fault::InvalidValue;
use super::field_value::{FieldValue, json_type_name};
use super::reader::{SectionReader, join_path};
use super::validator::ConfigValidator;
use crate::model::alerts::{
    AlertSignal, AlertThreshold, Severity, ThresholdComparison, ThresholdQuantity, Thresholds,
};
use crate::model::units::Ratio;

/// The maximum time threshold: Prometheus keeps little more.
const MAX_DURATION: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn read(thresholds: &mut Thresholds, section: &mut SectionReader<'_, '_>) {
    let signals: Vec<_> = thresholds.signals().collect();
    for signal in signals {
        section.read_section(signal.key(), |section| {
            for severity in Severity::ALL {
                let mut level = thresholds.get(signal, severity);
                read_level(signal, severity, &mut level, section);
                thresholds.set(signal, severity, level);
            }
        });
    }
}

fn read_level(
    signal: AlertSignal,
    severity: Severity,
    level: &mut Option<AlertThreshold>,
    section: &mut SectionReader<'_, '_>,
) {
    let key = severity.as_str();
    match signal.spec().quantity {
        ThresholdQuantity::Share | ThresholdQuantity::Multiple => {
            read_threshold(key, level, AlertThreshold::Ratio, section);
        }
        ThresholdQuantity::Band => read_threshold(
            key,
            level,
            |RatioBand(low, high)| AlertThreshold::Band(low, high),
            section,
        ),
        ThresholdQuantity::Time => read_threshold(key, level, AlertThreshold::Time, section),
        ThresholdQuantity::Count => read_threshold(
            key,
            level,
            |count: usize| AlertThreshold::Count(count as u64),
            section,
        ),
        ThresholdQuantity::None => {}
    }
}

/// Reads a level, and leaves it as it is where the file says nothing of it.
fn read_threshold<T: FieldValue>(
    key: &'static str,
    level: &mut Option<AlertThreshold>,
    threshold: impl Fn(T) -> AlertThreshold,
    section: &mut SectionReader<'_, '_>,
) {
    let mut input = LevelInput::Absent;
    section.read_field(key, &mut input);
    if let LevelInput::Present(value) = input {
        *level = value.map(threshold);
    }
}

/// The value of a level in a file: absent, null, or a threshold.
enum LevelInput<T> {
    Absent,
    Present(Option<T>),
}

impl<T: FieldValue> FieldValue for LevelInput<T> {
    fn allowed() -> String {
        Option::<T>::allowed()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        Option::<T>::parse(text).map(LevelInput::Present)
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        Option::<T>::from_json(value).map(LevelInput::Present)
    }
}

/// A band from the first multiple to the second.
struct RatioBand(Ratio, Ratio);

impl FieldValue for RatioBand {
    fn allowed() -> String {
        "two numbers such as [0.5, 2]".into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        Err(InvalidValue::from_text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, InvalidValue> {
        let ends = value.as_array().map(Vec::as_slice);
        match ends {
            Some([low, high]) => {
                let rejection = |_| InvalidValue::new(value.to_string(), Self::allowed());
                let low = Ratio::from_json(low).map_err(rejection)?;
                Ok(Self(low, Ratio::from_json(high).map_err(rejection)?))
            }
            Some(_) => Err(InvalidValue::new(value.to_string(), Self::allowed())),
            None => Err(InvalidValue::new(json_type_name(value), Self::allowed())),
        }
    }
}

pub(super) fn validate(thresholds: &Thresholds, validator: &mut ConfigValidator<'_>) {
    for signal in thresholds.signals() {
        let path = join_path("alerts", signal.key());
        let mut lower: Option<(Severity, AlertThreshold)> = None;
        for (severity, threshold) in thresholds.levels(signal) {
            let path = join_path(&path, severity.as_str());
            let (fine, allowed) = allowed_range(signal, threshold);
            validator.require(fine, &path, threshold, allowed);
            // Of two levels in the wrong order the one that somebody set is the slip.
            if let Some((named, lower)) =
                lower.filter(|(_, lower)| fine && !is_more_urgent(signal, threshold, *lower))
            {
                let beyond = ordering_word(signal);
                let at = [
                    path,
                    join_path(&join_path("alerts", signal.key()), named.as_str()),
                ];
                let at = at
                    .iter()
                    .find(|path| validator.is_set(path))
                    .unwrap_or(&at[0]);
                let found = format!("{severity} {threshold} with {named} {lower}");
                validator.require(false, at, found, &format!("{severity} {beyond} {named}"));
            }
            lower = Some((severity, threshold));
        }
    }
}

/// Returns whether the threshold is in the signal's range, and the accepted range.
fn allowed_range(signal: AlertSignal, threshold: AlertThreshold) -> (bool, &'static str) {
    let spec = signal.spec();
    let thousand = Ratio::from(1_000);
    match (spec.quantity, threshold) {
        (ThresholdQuantity::Share, AlertThreshold::Ratio(share)) => (
            Ratio::ZERO < share && share < Ratio::ONE,
            "more than 0 and less than 1",
        ),
        (ThresholdQuantity::Multiple, AlertThreshold::Ratio(multiple)) => match spec.comparison {
            ThresholdComparison::Below => (
                Ratio::ZERO < multiple && multiple < Ratio::ONE,
                "more than 0 and less than 1",
            ),
            _ => (
                Ratio::ZERO < multiple && multiple <= thousand,
                "more than 0 and at most 1000",
            ),
        },
        (ThresholdQuantity::Band, AlertThreshold::Band(low, high)) => (
            Ratio::ZERO <= low && low < Ratio::ONE && Ratio::ONE < high && high <= thousand,
            "one number from 0 to below 1 and one from above 1 to 1000",
        ),
        (ThresholdQuantity::Time, AlertThreshold::Time(time)) => (
            !time.is_zero() && time <= MAX_DURATION && time.subsec_nanos() % 1_000_000 == 0,
            "whole milliseconds, more than 0s and at most 30d",
        ),
        (ThresholdQuantity::Count, AlertThreshold::Count(count)) => {
            ((1..=1_000_000_000).contains(&count), "1 to 1000000000")
        }
        // Only code can do this.
        (quantity, _) => (false, quantity_name(quantity)),
    }
}

const fn quantity_name(quantity: ThresholdQuantity) -> &'static str {
    match quantity {
        ThresholdQuantity::Band => "a band",
        ThresholdQuantity::Time => "a time",
        ThresholdQuantity::Count => "a count",
        _ => "a ratio",
    }
}

fn is_more_urgent(signal: AlertSignal, threshold: AlertThreshold, lower: AlertThreshold) -> bool {
    match signal.spec().comparison {
        ThresholdComparison::Above => threshold.lower_bound() > lower.lower_bound(),
        ThresholdComparison::Outside => {
            threshold.lower_bound() < lower.lower_bound()
                && threshold.upper_bound() > lower.upper_bound()
        }
        // The more urgent one waits for longer, or is further below.
        ThresholdComparison::Sustained => threshold.lower_bound() > lower.lower_bound(),
        _ => threshold.lower_bound() < lower.lower_bound(),
    }
}

fn ordering_word(signal: AlertSignal) -> &'static str {
    match signal.spec().comparison {
        ThresholdComparison::Above | ThresholdComparison::Sustained => "above",
        ThresholdComparison::Outside => "outside",
        _ => "below",
    }
}
