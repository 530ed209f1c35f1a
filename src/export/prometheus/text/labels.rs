//! The labels of a series as text, written once and used for each of its lines.
//!
//! Nearly all series of a scrape have one of a few lists of keys. What a list becomes (sanitised,
//! sorted, keys that became equal joined) is worked out once and kept as a [`LabelLayout`]; from then on
//! a series costs a comparison of its keys and a copy of its values.

use std::fmt::Write as _;

use opentelemetry::Value;

use super::OmissionReason;
use super::name::{is_label_key, label_key};

/// A label's value, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum LabelValue<'a> {
    Text(&'a str),
    Otel(&'a Value),
}

/// The rules for keys that Prometheus doesn't allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyRules {
    /// They are attribute keys: made valid, and joined where that makes two of them equal.
    Attributes,
    /// They were made for Prometheus: a series with an invalid one, two of the same, or the one
    /// that the family's own lines need (`le`, `quantile`), is left out.
    Labels { reserved: &'static str },
}

/// Renders label sets; keeps what it learnt about their keys.
#[derive(Debug)]
pub(super) struct LabelRenderer {
    keys: KeyRules,
    layouts: Vec<LabelLayout>,
    /// The shape of the series before this one, which is likely this one's as well.
    /// Series of one instrument come in a row.
    latest: usize,
    /// Reused for each series.
    text: String,
}

impl LabelRenderer {
    /// More shapes than a family has in practice; beyond it, they are forgotten and learnt anew.
    const MAX_LAYOUTS: usize = 32;

    pub(super) fn new() -> LabelRenderer {
        LabelRenderer {
            keys: KeyRules::Attributes,
            layouts: Vec::new(),
            latest: 0,
            text: String::new(),
        }
    }

    /// Sets the rules for the keys of the label sets to come.
    pub(super) fn set_key_rules(&mut self, keys: KeyRules) {
        if self.keys != keys {
            self.keys = keys;
            // Under other rules the same keys may be invalid.
            self.layouts.clear();
        }
    }

    /// The label set as `a="1",b="2"`: sorted by key, escaped, without braces.
    pub(super) fn render(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
    ) -> Result<&str, OmissionReason> {
        self.latest = self.layout_index(labels);
        let layout = &self.layouts[self.latest];
        self.text.clear();
        if layout.is_valid {
            layout.render(labels, &mut self.text);
            Ok(&self.text)
        } else {
            Err(OmissionReason::InvalidLabel)
        }
    }

    fn layout_index(&mut self, labels: &[(&str, LabelValue<'_>)]) -> usize {
        let matches = |layout: &LabelLayout| layout.matches(labels);
        if self.layouts.get(self.latest).is_some_and(matches) {
            return self.latest;
        }
        if let Some(existing) = self.layouts.iter().position(matches) {
            return existing;
        }
        if self.layouts.len() == LabelRenderer::MAX_LAYOUTS {
            self.layouts.clear();
        }
        self.layouts.push(LabelLayout::new(labels, self.keys));
        self.layouts.len() - 1
    }
}

/// The layout of a list of keys.
#[derive(Debug)]
struct LabelLayout {
    /// The keys as they come.
    keys: Vec<String>,
    /// The labels as they are written.
    columns: Vec<LabelColumn>,
    is_valid: bool,
}

#[derive(Debug)]
struct LabelColumn {
    /// `key="`, with a comma before it except in the first column.
    opening: String,
    /// The indexes of the values that are joined here; nearly always one.
    values: Vec<usize>,
}

impl LabelLayout {
    fn new(labels: &[(&str, LabelValue<'_>)], keys: KeyRules) -> LabelLayout {
        let originals = labels.iter().map(|(key, _)| (*key).to_owned());
        // Sorted by the key as it is written, then by the original: the same set is the same text,
        // which is how repetitions are found.
        let mut order: Vec<(String, &str, usize)> = labels
            .iter()
            .enumerate()
            .map(|(index, (key, _))| match keys {
                KeyRules::Attributes => (label_key(key), *key, index),
                KeyRules::Labels { .. } => ((*key).to_owned(), *key, index),
            })
            .collect();
        // Equal keys are joined in the order of the original ones, as the specification says.
        order.sort();
        let mut columns: Vec<LabelColumn> = Vec::with_capacity(order.len());
        for run in order.chunk_by(|a, b| a.0 == b.0) {
            let comma = if columns.is_empty() { "" } else { "," };
            columns.push(LabelColumn {
                opening: format!("{comma}{}=\"", run[0].0),
                values: run.iter().map(|(_, _, index)| *index).collect(),
            });
        }
        let is_valid = match keys {
            KeyRules::Attributes => true,
            KeyRules::Labels { reserved } => {
                // Fewer columns than labels means that two keys are equal.
                columns.len() == labels.len()
                    && labels
                        .iter()
                        .all(|(key, _)| is_label_key(key) && *key != reserved)
            }
        };
        LabelLayout {
            keys: originals.collect(),
            columns,
            is_valid,
        }
    }

    fn matches(&self, labels: &[(&str, LabelValue<'_>)]) -> bool {
        self.keys.len() == labels.len()
            && self
                .keys
                .iter()
                .zip(labels)
                .all(|(key, label)| key == label.0)
    }

    fn render(&self, labels: &[(&str, LabelValue<'_>)], out: &mut String) {
        for column in &self.columns {
            out.push_str(&column.opening);
            for (nth, &index) in column.values.iter().enumerate() {
                if nth > 0 {
                    // The separator that the specification asks for:
                    // <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#metric-attributes>.
                    out.push(';');
                }
                write_value(labels[index].1, out);
            }
            out.push('"');
        }
    }
}

fn write_value(value: LabelValue<'_>, out: &mut String) {
    match value {
        LabelValue::Text(text) => escape(text, true, out),
        LabelValue::Otel(Value::String(text)) => escape(text.as_str(), true, out),
        LabelValue::Otel(Value::I64(number)) => {
            out.push_str(itoa::Buffer::new().format(*number));
        }
        LabelValue::Otel(Value::Bool(truth)) => out.push_str(if *truth { "true" } else { "false" }),
        LabelValue::Otel(Value::F64(number)) => {
            // Writing to a `String` never fails.
            let _ = write!(out, "{number}");
        }
        LabelValue::Otel(other) => escape(&other.as_str(), true, out),
    }
}

/// Appends text with `\`, line ends and, where they would end it, quotes escaped.
pub(super) fn escape(text: &str, quotes: bool, out: &mut String) {
    // Bytes are enough: none of the three occurs within a character of several bytes.
    let is_special = |b: u8| matches!(b, b'\\' | b'\n') || (quotes && b == b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (clean, special) = rest.split_at(at);
        out.push_str(clean);
        out.push_str(match special.as_bytes()[0] {
            b'\n' => "\\n",
            b'\\' => "\\\\",
            _ => "\\\"",
        });
        rest = &special[1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use opentelemetry::StringValue;

    use super::*;

    fn render(keys: KeyRules, labels: &[(&str, &str)]) -> Result<String, OmissionReason> {
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| (*key, LabelValue::Text(value)))
            .collect();
        let mut renderer = LabelRenderer::new();
        renderer.set_key_rules(keys);
        renderer.render(&labels).map(str::to_owned)
    }

    #[test]
    fn labels_are_sorted_and_escaped() {
        assert_eq!(
            render(
                KeyRules::Attributes,
                &[("b", "say \"hi\"\\\n"), ("a.x", "")]
            )
            .as_deref(),
            Ok("a_x=\"\",b=\"say \\\"hi\\\"\\\\\\n\""),
        );
        assert_eq!(render(KeyRules::Attributes, &[]).as_deref(), Ok(""));
    }

    #[test]
    fn keys_that_become_equal_are_joined_in_the_order_of_the_originals() {
        let labels = [("a_b", "2"), ("c", "3"), ("a.b", "1")];
        let expected = Ok("a_b=\"1;2\",c=\"3\"");
        assert_eq!(render(KeyRules::Attributes, &labels).as_deref(), expected);
    }

    #[test]
    fn reserved_and_invalid_attribute_keys_are_renamed() {
        let labels = [("le", "1"), ("__name__", "x"), ("9x", "y"), ("a:b", "z")];
        let expected = "a_b=\"z\",key_9x=\"y\",key___name__=\"x\",key_le=\"1\"";
        assert_eq!(
            render(KeyRules::Attributes, &labels).as_deref(),
            Ok(expected)
        );
    }

    #[test]
    fn labels_made_for_prometheus_are_not_mended() {
        let of_histogram = KeyRules::Labels { reserved: "le" };
        let of_gauge = KeyRules::Labels { reserved: "" };
        assert_eq!(render(of_gauge, &[("le", "1")]).as_deref(), Ok("le=\"1\""));
        for labels in [
            [("le", "1"), ("a", "")],
            [("9x", ""), ("a", "")],
            [("a", "1"), ("a", "2")],
            [("a:b", ""), ("a", "")],
            [("__name__", "x"), ("a", "")],
        ] {
            let rendered = render(of_histogram, &labels);
            assert_eq!(rendered, Err(OmissionReason::InvalidLabel), "{labels:?}");
        }
    }

    #[test]
    fn values_of_every_type_are_written() {
        let array = Value::Array(vec![StringValue::from("p"), StringValue::from("q\"")].into());
        let values = [
            ("a", Value::from(true)),
            ("b", Value::from(-7_i64)),
            ("c", Value::from(0.5)),
            ("d", array),
        ];
        let labels: Vec<_> = values
            .iter()
            .map(|(key, value)| (*key, LabelValue::Otel(value)))
            .collect();
        assert_eq!(
            LabelRenderer::new().render(&labels),
            Ok(r#"a="true",b="-7",c="0.5",d="[\"p\",\"q\"\"]""#),
        );
    }

    #[test]
    fn alternating_key_lists_do_not_disturb_each_other() {
        let mut renderer = LabelRenderer::new();
        for round in 0..100_usize {
            let keys: Vec<String> = (0..round % 40).map(|n| format!("k{n:02}")).collect();
            let labels: Vec<_> = keys
                .iter()
                .map(|key| (key.as_str(), LabelValue::Text("v")))
                .collect();
            let expected: Vec<String> = keys.iter().map(|key| format!("{key}=\"v\"")).collect();
            assert_eq!(renderer.render(&labels), Ok(expected.join(",").as_str()));
        }
    }
}
