//! The fields of an event or a span, written down when they are met.
//!
//! A span's fields are written once, when the span is made or recorded to, and copied into each
//! line within it: formatting them for each line would call the service's `Debug` again and again,
//! and find other values.

use super::escape::escape_text;
use super::format::LineFormat;
use super::value::LogFieldValue;

/// The most bytes that a name has.
///
/// Names are constants of the code, so that none is cut in practice.
const MAX_NAME_BYTES: usize = 256;

/// The most bytes that stand around a value: separator, quotes and colon or equals sign.
const SEPARATOR_BYTES: usize = 6;

/// The memory for a few short fields, so that most spans are written down into one piece of it.
const INITIAL_CAPACITY: usize = 64;

/// The size limits of the fields of a line or span, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SizeLimits {
    pub(super) per_value: usize,
    pub(super) total: usize,
}

/// Fields as text, each name once.
#[derive(Debug, Default)]
pub(super) struct FieldBuffer {
    /// Each field after a comma or space.
    text: Vec<u8>,
    /// The fields' names and the offset of each.
    ///
    /// A list and no map: a handful of names is faster compared than hashed.
    starts: Vec<(&'static str, usize)>,
    /// Some field was cut or left out.
    pub(super) truncated: bool,
}

impl FieldBuffer {
    /// Adds a field; one with the same name gives way. One that doesn't fit is left out, or cut.
    pub(super) fn insert(
        &mut self,
        format: LineFormat,
        limits: SizeLimits,
        name: &'static str,
        value: LogFieldValue<'_>,
    ) {
        // `tracing` lets a field be recorded again; the latest value holds.
        self.remove(name);
        let start = self.text.len();
        let value_limit = limits
            .total
            // Six bytes a character is the longest escape, so that the name is counted at its worst
            // before it is written.
            .saturating_sub(start + MAX_NAME_BYTES.min(6 * name.len()) + SEPARATOR_BYTES);
        if value_limit == 0 {
            self.truncated = true;
            return;
        }
        self.text.reserve(INITIAL_CAPACITY);
        self.starts.push((name, start));
        // Before the value, and never undone: name and value are one entry.
        self.truncated |= self.write_name(format, name);
        let truncated = value.write(&mut self.text, limits.per_value.min(value_limit), format);
        self.truncated |= truncated;
    }

    fn write_name(&mut self, format: LineFormat, name: &str) -> bool {
        let (before, after): (&[u8], &[u8]) = match format {
            LineFormat::Json => (b",\"", b"\":"),
            LineFormat::Text | LineFormat::Coloured => (b" ", b"="),
        };
        self.text.extend(before);
        let truncated = escape_text(&mut self.text, MAX_NAME_BYTES, format.quoting(), name);
        self.text.extend(after);
        truncated
    }

    /// Merges the fields that were recorded later.
    ///
    /// The later one of two fields with a name replaces the earlier, also where it no longer fits:
    /// an old value would be a lie.
    pub(super) fn merge(&mut self, later: &Self, limits: SizeLimits) {
        for (index, (name, start)) in later.starts.iter().enumerate() {
            let end = later.end(index);
            self.remove(name);
            if self.text.len() + end - start <= limits.total {
                self.starts.push((name, self.text.len()));
                self.text.extend_from_slice(&later.text[*start..end]);
            } else {
                self.truncated = true;
            }
        }
        self.truncated |= later.truncated;
    }

    fn remove(&mut self, name: &str) {
        let Some(index) = self
            .starts
            .iter()
            .position(|(existing, _)| *existing == name)
        else {
            return;
        };
        let (start, end) = (self.starts[index].1, self.end(index));
        self.text.drain(start..end);
        self.starts.remove(index);
        // Offsets behind the removed field move with the text.
        for (_, later) in &mut self.starts[index..] {
            *later -= end - start;
        }
    }

    /// Returns the end of a field, which is the start of the next.
    fn end(&self, index: usize) -> usize {
        let next = self.starts.get(index + 1);
        next.map_or(self.text.len(), |(_, start)| *start)
    }

    /// Returns the fields with their separators, but nothing in front of the first.
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(1..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Begins anew, with little memory.
    pub(super) fn clear(&mut self, capacity: usize) {
        self.text.clear();
        self.text.shrink_to(capacity);
        self.starts.clear();
        self.truncated = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SizeLimits = SizeLimits {
        per_value: 100,
        total: 1000,
    };

    fn buffer_with(fields: &[(&'static str, u64)]) -> FieldBuffer {
        let mut buffer = FieldBuffer::default();
        for (name, value) in fields {
            buffer.insert(LineFormat::Json, LIMITS, name, LogFieldValue::U64(*value));
        }
        buffer
    }

    fn text(buffer: &FieldBuffer) -> &str {
        std::str::from_utf8(buffer.text()).unwrap()
    }

    #[test]
    fn a_name_stands_once_with_its_last_value() {
        let buffer = buffer_with(&[("a", 1), ("b", 20), ("a", 300), ("c", 4), ("b", 5)]);
        assert_eq!(text(&buffer), r#""a":300,"c":4,"b":5"#);
    }

    #[test]
    fn what_is_recorded_later_takes_the_place_of_the_earlier() {
        let mut buffer = buffer_with(&[("a", 1), ("b", 2), ("c", 3)]);
        buffer.merge(&buffer_with(&[("b", 9), ("d", 8)]), LIMITS);
        buffer.merge(&buffer_with(&[("a", 7)]), LIMITS);
        assert_eq!(text(&buffer), r#""c":3,"b":9,"d":8,"a":7"#);
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out_and_says_so() {
        let (long, limits) = (
            "x".repeat(90),
            SizeLimits {
                per_value: 50,
                total: 120,
            },
        );
        let mut buffer = FieldBuffer::default();
        buffer.insert(LineFormat::Json, limits, "a", LogFieldValue::Text("fits"));
        assert!(!buffer.truncated);
        for name in ["b", "c", "d"] {
            buffer.insert(LineFormat::Json, limits, name, LogFieldValue::Text(&long));
        }
        assert!(buffer.truncated);
        assert!(buffer.text().len() < limits.total);
        let json = format!("{{{}}}", text(&buffer));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["b"].as_str().unwrap().len(), 50);
        let mut more = buffer_with(&[]);
        more.merge(
            &buffer,
            SizeLimits {
                per_value: 50,
                total: 20,
            },
        );
        assert!(more.truncated);
        assert_eq!(text(&more), r#""a":"fits""#);
    }
}
