//! The thresholds of alerts: every level of every signal, `null` to switch one off.
//!
//! A signal's keys are the severities; an absent one keeps its default, and `null` in place of them all is
//! `null` for each. What a threshold looks like
//! follows from the signal's quantity, and so do its range and the order of the severities: a
//! `high` that fires before its `warning` is refused.

use std::time::Duration;

use serde_json::Value;

use super::fault::{InvalidValue, join_path};
use super::field_value::FieldValue;
use super::reader::ReadContext;
use super::setting::Setting;
use super::validator::ConfigValidator;
use crate::model::alerts::{
    AlertSignal, AlertThreshold, Severity, ThresholdComparison, ThresholdQuantity, Thresholds,
};
use crate::model::json_value::json_type_name;
use crate::model::units::Ratio;

/// The maximum time threshold: Prometheus keeps little more.
///
/// A rule's window must lie within what is stored.
const MAX_DURATION: Duration = Duration::from_secs(30 * 86_400);

impl Setting for Thresholds {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        let signals: Vec<_> = self.signals().collect();
        let keys: Vec<_> = signals.iter().map(|signal| signal.key()).collect();
        context.read_members(value, path, &keys, |index, value, path, context| {
            let levels = Severity::ALL.map(Severity::as_str);
            let signal = signals[index];
            if value.is_null() {
                for severity in Severity::ALL {
                    self.set(signal, severity, None);
                    context.mark_set(&join_path(path, severity.as_str()));
                }
                return;
            }
            context.read_members(value, path, &levels, |level, value, path, context| {
                if let Some(threshold) = context.ok(read_threshold(signal, value), path) {
                    self.set(signal, Severity::ALL[level], threshold);
                    context.mark_set(path);
                }
            });
        });
    }

    fn check(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        for signal in self.signals() {
            check_signal(self, signal, &join_path(path, signal.key()), validator);
        }
    }
}

/// Reads the threshold of a level; `None` switches it off.
fn read_threshold(
    signal: AlertSignal,
    value: &Value,
) -> Result<Option<AlertThreshold>, InvalidValue> {
    if value.is_null() {
        return Ok(None);
    }
    let threshold = match signal.spec().quantity {
        ThresholdQuantity::Share | ThresholdQuantity::Multiple => {
            Ratio::from_json(value).map(AlertThreshold::Ratio)
        }
        ThresholdQuantity::Band => read_band(value),
        ThresholdQuantity::Time => Duration::from_json(value).map(AlertThreshold::Time),
        ThresholdQuantity::Count => {
            usize::from_json(value).map(|count| AlertThreshold::Count(count as u64))
        }
        // Such a signal has no levels to read.
        ThresholdQuantity::None => return Ok(None),
    };
    threshold.map(Some)
}

/// Reads a band from the first multiple to the second.
fn read_band(value: &Value) -> Result<AlertThreshold, InvalidValue> {
    let rejection = |found: String| InvalidValue::new(found, "two numbers such as [0.5, 2]");
    let ends = value.as_array().map(Vec::as_slice);
    let Some([low, high]) = ends else {
        let found = ends.map_or(json_type_name(value).into(), |_| value.to_string());
        return Err(rejection(found));
    };
    match (Ratio::from_json(low), Ratio::from_json(high)) {
        (Ok(low), Ok(high)) => Ok(AlertThreshold::Band(low, high)),
        _ => Err(rejection(value.to_string())),
    }
}

/// Checks ranges, and that each severity lies beyond the one below it.
fn check_signal(
    thresholds: &Thresholds,
    signal: AlertSignal,
    signal_path: &str,
    validator: &mut ConfigValidator<'_>,
) {
    // From the least urgent on; levels that are switched off are not compared with.
    let mut lower: Option<(Severity, AlertThreshold)> = None;
    for (severity, threshold) in thresholds.levels(signal) {
        let path = join_path(signal_path, severity.as_str());
        let (fine, allowed) = allowed_range(signal, threshold);
        validator.require(fine, &path, threshold, allowed);
        if let Some((named, lower)) =
            // A threshold that is out of range has a fault of its own; a second one about the order
            // would only confuse.
            lower.filter(|(_, lower)| fine && !is_more_urgent(signal, threshold, *lower))
        {
            let beyond = ordering_word(signal);
            let lower_path = join_path(signal_path, named.as_str());
            // The fault is told at the value that somebody set, not at the default that it
            // contradicts.
            let at = validator.responsible(&[&path, &lower_path]);
            let found = format!("{severity} {threshold} with {named} {lower}");
            validator.require(false, at, found, &format!("{severity} {beyond} {named}"));
        }
        lower = Some((severity, threshold));
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
            // Prometheus's durations have milliseconds as their smallest unit.
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

/// Returns the accepted kind of value, for messages.
const fn quantity_name(quantity: ThresholdQuantity) -> &'static str {
    match quantity {
        ThresholdQuantity::Band => "a band",
        ThresholdQuantity::Time => "a time",
        ThresholdQuantity::Count => "a count",
        _ => "a ratio",
    }
}

/// Returns whether a threshold lies further on the bad side than that of the next lower severity.
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

/// Returns the word for "further on the bad side", for messages.
fn ordering_word(signal: AlertSignal) -> &'static str {
    match signal.spec().comparison {
        ThresholdComparison::Above | ThresholdComparison::Sustained => "above",
        ThresholdComparison::Outside => "outside",
        _ => "below",
    }
}
