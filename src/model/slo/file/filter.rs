//! Labels that a series must have.

use serde_json::value::RawValue;

use super::super::indicator::Filter;
use super::super::{Fault, Problem, json};
use super::fields::Fields;
use super::unknown;
use crate::model::catalog::{Attribute, MetricSpec, Values};
use crate::model::suggest::nearest;

/// Longer values are cut in a label, and would never match.
const LONGEST: usize = 128;

/// The filter under this key; empty where there is none, and `None` after a fault.
pub(super) fn read(
    fields: &Fields<'_>,
    key: &str,
    metric: &MetricSpec,
    faults: &mut Vec<Fault>,
) -> Option<Filter> {
    let Some(value) = fields.get(key) else {
        return Some(Filter::default());
    };
    let fields = Fields::read(fields.file(), fields.path_of(key), value, faults)?;
    let before = faults.len();
    let mut labels = Vec::new();
    for (key, value) in fields.entries() {
        let known = metric.attributes.iter().find(|known| known.key == key);
        let Some(attribute) = known else {
            let keys: Vec<_> = metric.attributes.iter().map(|known| known.key).collect();
            faults.push(unknown(&fields, key, Problem::UnknownAttribute, &keys));
            continue;
        };
        match values(value, attribute) {
            Some(values) => labels.push((attribute.key, values)),
            None => {
                let allowed = allowed(attribute, value);
                faults.push(fields.fault(key, Problem::UnknownValue, &allowed));
            }
        }
    }
    (faults.len() == before).then_some(Filter(labels))
}

/// One value or several; `None` where one can't be.
fn values(value: &RawValue, attribute: &Attribute) -> Option<Vec<Option<String>>> {
    match json::array(value) {
        Some(values) if values.is_empty() => None,
        Some(values) => values
            .into_iter()
            .map(|value| self::value(value, attribute))
            .collect(),
        None => Some(vec![self::value(value, attribute)?]),
    }
}

/// A value that the label may have, inner `None` for its absence.
fn value(value: &RawValue, attribute: &Attribute) -> Option<Option<String>> {
    if value.get() == "null" {
        return Some(None);
    }
    let text = json::string(value);
    let text = match attribute.values {
        Values::OneOf(values) => text.filter(|text| values.contains(&text.as_str())),
        Values::Integer(_) => text
            .or_else(|| json::number(value).map(Into::into))
            .filter(|text| {
                text.parse::<i64>()
                    .is_ok_and(|whole| whole.to_string() == *text)
            }),
        Values::Open(_) => text.filter(|text| !text.is_empty() && text.len() <= LONGEST),
    };
    text.map(Some)
}

fn allowed(attribute: &Attribute, value: &RawValue) -> String {
    let what = match attribute.values {
        Values::OneOf(values) => {
            let text = json::string(value).unwrap_or_default();
            let meant = nearest(&text, values).map(|meant| format!("; did you mean {meant}?"));
            return format!(
                "{}, several of them in an array, or null where the label is absent{}",
                values.join(", "),
                meant.unwrap_or_default()
            );
        }
        Values::Integer(source) => format!("a whole number ({source})"),
        Values::Open(source) => format!("text of 1 to {LONGEST} bytes ({source})"),
    };
    format!("{what}, several in an array, or null where the label is absent")
}
