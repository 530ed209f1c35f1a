//! Labels that a series must have.

use serde_json::value::RawValue;

use super::super::indicator::LabelFilter;
use super::super::{SloProblem, json};
use super::fields::{Faults, ObjectFields};
use crate::model::catalog::{Attribute, AttributeValues, MetricSpec};
use crate::model::suggest::nearest;

/// The maximum length of a label value in bytes; longer ones are cut in a label, and would never match.
const MAX_VALUE_BYTES: usize = 128;

/// Reads the filter under this key; empty where there is none, and `None` after a fault.
pub(super) fn read_filter(
    fields: &ObjectFields<'_>,
    key: &str,
    metric: &MetricSpec,
    faults: &mut Faults,
) -> Option<LabelFilter> {
    let Some(value) = fields.get(key) else {
        return Some(LabelFilter::default());
    };
    let fields = ObjectFields::read(fields.file(), fields.path_to(key), value, faults)?;
    let before = faults.len();
    let mut labels = Vec::new();
    for (key, value) in fields.entries() {
        let known = metric.attributes.iter().find(|known| known.key == key);
        let Some(attribute) = known else {
            let keys: Vec<_> = metric.attributes.iter().map(|known| known.key).collect();
            faults.push(fields.unknown(key, SloProblem::UnknownAttribute, &keys));
            continue;
        };
        match read_values(value, attribute) {
            Some(values) => labels.push((attribute.key, values)),
            None => {
                let allowed = allowed_values(attribute, value);
                faults.push(fields.fault(key, SloProblem::UnknownValue, &allowed));
            }
        }
    }
    (faults.len() == before).then_some(LabelFilter(labels))
}

/// Reads one value or several; `None` if one is not allowed.
fn read_values(value: &RawValue, attribute: &Attribute) -> Option<Vec<Option<String>>> {
    match json::parse_array(value) {
        Some(values) if values.is_empty() => None,
        Some(values) => values
            .into_iter()
            .map(|value| self::read_value(value, attribute))
            .collect(),
        None => Some(vec![self::read_value(value, attribute)?]),
    }
}

/// Reads a value of the label; inner `None` stands for its absence.
fn read_value(value: &RawValue, attribute: &Attribute) -> Option<Option<String>> {
    if value.get() == "null" {
        return Some(None);
    }
    let text = json::parse_string(value);
    let text = match attribute.values {
        AttributeValues::OneOf(values) => text.filter(|text| values.contains(&text.as_str())),
        AttributeValues::Integer(_) => text
            .or_else(|| json::number_text(value).map(Into::into))
            .filter(|text| {
                // In its shortest form only: a label has no `007`.
                text.parse::<i64>()
                    .is_ok_and(|whole| whole.to_string() == *text)
            }),
        AttributeValues::Open(_) | AttributeValues::AtMost(_) => {
            text.filter(|text| !text.is_empty() && text.len() <= MAX_VALUE_BYTES)
        }
    };
    text.map(Some)
}

fn allowed_values(attribute: &Attribute, value: &RawValue) -> String {
    let kind = match attribute.values {
        AttributeValues::OneOf(values) => {
            let text = json::parse_string(value).unwrap_or_default();
            let suggestion =
                nearest(&text, values).map(|nearest| format!("; did you mean {nearest}?"));
            return format!(
                "{}, several of them in an array, or null where the label is absent{}",
                values.join(", "),
                suggestion.unwrap_or_default()
            );
        }
        AttributeValues::Integer(source) => format!("a whole number ({source})"),
        AttributeValues::Open(source) => format!("text of 1 to {MAX_VALUE_BYTES} bytes ({source})"),
        AttributeValues::AtMost(_) => format!("text of 1 to {MAX_VALUE_BYTES} bytes"),
    };
    format!("{kind}, several in an array, or null where the label is absent")
}
