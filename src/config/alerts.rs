//! The thresholds of alerts: every level of every signal, `null` to switch one off.

use std::time::Duration;

use serde_json::Value;

use super::check::Check;
use super::fault::Refusal;
use super::reader::{Section, member};
use super::setting::{Setting, kind};
use crate::model::alerts::{Comparison, Quantity, Severity, Signal, Threshold, Thresholds};
use crate::model::units::Ratio;

/// No alert waits for longer, and Prometheus keeps little more.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn read(thresholds: &mut Thresholds, section: &mut Section<'_, '_>) {
    let signals: Vec<_> = thresholds.signals().collect();
    for signal in signals {
        section.section(signal.key(), |section| {
            for severity in Severity::ALL {
                let mut level = thresholds.get(signal, severity);
                read_level(signal, severity, &mut level, section);
                thresholds.set(signal, severity, level);
            }
        });
    }
}

fn read_level(
    signal: Signal,
    severity: Severity,
    level: &mut Option<Threshold>,
    section: &mut Section<'_, '_>,
) {
    let key = severity.as_str();
    match signal.spec().quantity {
        Quantity::Share | Quantity::Multiple => field(key, level, Threshold::Ratio, section),
        Quantity::Band => field(
            key,
            level,
            |Band(low, high)| Threshold::Band(low, high),
            section,
        ),
        Quantity::Time => field(key, level, Threshold::Time, section),
        Quantity::Count => field(
            key,
            level,
            |count: usize| Threshold::Count(count as u64),
            section,
        ),
        Quantity::None => {}
    }
}

/// Reads a level, and leaves it as it is where the file says nothing of it.
fn field<T: Setting>(
    key: &'static str,
    level: &mut Option<Threshold>,
    threshold: impl Fn(T) -> Threshold,
    section: &mut Section<'_, '_>,
) {
    let mut said = Said::Nothing;
    section.field(key, &mut said);
    if let Said::This(value) = said {
        *level = value.map(threshold);
    }
}

/// What a file says of a level: nothing, null, or a value.
enum Said<T> {
    Nothing,
    This(Option<T>),
}

impl<T: Setting> Setting for Said<T> {
    fn allowed() -> String {
        Option::<T>::allowed()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        Option::<T>::parse(text).map(Self::This)
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        Option::<T>::from_json(value).map(Self::This)
    }
}

/// From the first multiple to the second.
struct Band(Ratio, Ratio);

impl Setting for Band {
    fn allowed() -> String {
        "two numbers such as [0.5, 2]".into()
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        Err(Refusal::text(text, Self::allowed()))
    }

    fn from_json(value: &Value) -> Result<Self, Refusal> {
        let ends = value.as_array().map(Vec::as_slice);
        match ends {
            Some([low, high]) => {
                let refused = |_| Refusal::new(value.to_string(), Self::allowed());
                let low = Ratio::from_json(low).map_err(refused)?;
                Ok(Self(low, Ratio::from_json(high).map_err(refused)?))
            }
            Some(_) => Err(Refusal::new(value.to_string(), Self::allowed())),
            None => Err(Refusal::new(kind(value), Self::allowed())),
        }
    }
}

pub(super) fn check(thresholds: &Thresholds, check: &mut Check<'_>) {
    for signal in thresholds.signals() {
        let path = member("alerts", signal.key());
        let mut lower: Option<(Severity, Threshold)> = None;
        for (severity, threshold) in thresholds.levels(signal) {
            let path = member(&path, severity.as_str());
            let (fine, allowed) = range(signal, threshold);
            check.require(fine, &path, threshold, allowed);
            // Of two levels in the wrong order the one that somebody set is the slip.
            if let Some((named, lower)) =
                lower.filter(|(_, lower)| fine && !is_beyond(signal, threshold, *lower))
            {
                let beyond = beyond(signal);
                let at = [
                    path,
                    member(&member("alerts", signal.key()), named.as_str()),
                ];
                let at = at.iter().find(|path| check.is_set(path)).unwrap_or(&at[0]);
                let found = format!("{severity} {threshold} with {named} {lower}");
                check.require(false, at, found, &format!("{severity} {beyond} {named}"));
            }
            lower = Some((severity, threshold));
        }
    }
}

/// Whether the threshold can be one of this signal, and what can.
fn range(signal: Signal, threshold: Threshold) -> (bool, &'static str) {
    let spec = signal.spec();
    let thousand = Ratio::from(1_000);
    match (spec.quantity, threshold) {
        (Quantity::Share, Threshold::Ratio(share)) => (
            Ratio::ZERO < share && share < Ratio::ONE,
            "more than 0 and less than 1",
        ),
        (Quantity::Multiple, Threshold::Ratio(multiple)) => match spec.comparison {
            Comparison::Below => (
                Ratio::ZERO < multiple && multiple < Ratio::ONE,
                "more than 0 and less than 1",
            ),
            _ => (
                Ratio::ZERO < multiple && multiple <= thousand,
                "more than 0 and at most 1000",
            ),
        },
        (Quantity::Band, Threshold::Band(low, high)) => (
            Ratio::ZERO <= low && low < Ratio::ONE && Ratio::ONE < high && high <= thousand,
            "one number from 0 to below 1 and one from above 1 to 1000",
        ),
        (Quantity::Time, Threshold::Time(time)) => (
            !time.is_zero() && time <= LONGEST && time.subsec_nanos() % 1_000_000 == 0,
            "whole milliseconds, more than 0s and at most 30d",
        ),
        (Quantity::Count, Threshold::Count(count)) => {
            ((1..=1_000_000_000).contains(&count), "1 to 1000000000")
        }
        // Only code can do this.
        (quantity, _) => (false, kind_of(quantity)),
    }
}

const fn kind_of(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Band => "a band",
        Quantity::Time => "a time",
        Quantity::Count => "a count",
        _ => "a ratio",
    }
}

fn is_beyond(signal: Signal, threshold: Threshold, lower: Threshold) -> bool {
    match signal.spec().comparison {
        Comparison::Above => threshold.low() > lower.low(),
        Comparison::Outside => threshold.low() < lower.low() && threshold.high() > lower.high(),
        // The more urgent one waits for longer, or is further below.
        Comparison::Lasts => threshold.low() > lower.low(),
        _ => threshold.low() < lower.low(),
    }
}

fn beyond(signal: Signal) -> &'static str {
    match signal.spec().comparison {
        Comparison::Above | Comparison::Lasts => "above",
        Comparison::Outside => "outside",
        _ => "below",
    }
}
