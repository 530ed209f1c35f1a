//! The subset of YAML that rules and examples need: nested maps and lists of scalars, where every text
//! is double-quoted, so that none is ever taken for a number, a date or `no`.
//!
//! Written here and not by a crate: those that write YAML quote only where they think it necessary,
//! and the output changes with their version.

use std::fmt::Write as _;

/// A YAML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// A text, quoted.
    Text(String),
    /// A word that needs no quotes: a duration, a number, `true`.
    Plain(String),
    /// A list, in order.
    List(Vec<Yaml>),
    /// A map, in order.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub(super) fn text(text: impl Into<String>) -> Yaml {
        Yaml::Text(text.into())
    }

    pub(super) fn plain(word: impl Into<String>) -> Yaml {
        Yaml::Plain(word.into())
    }

    /// Returns a map of these entries.
    pub(super) fn map<K: Into<String>>(members: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
        Yaml::Map(
            members
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    pub(super) fn list(items: impl IntoIterator<Item = Yaml>) -> Yaml {
        Yaml::List(items.into_iter().collect())
    }

    /// Returns the document below these lines of comment.
    pub(super) fn to_document(&self, comment: &str) -> String {
        let mut out = String::new();
        for line in comment.lines() {
            let _ = writeln!(out, "{}", format!("# {line}").trim_end());
        }
        self.write(0, &mut out);
        out
    }

    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Yaml::Text(text) => write_quoted(text, out),
            Yaml::Plain(word) => out.push_str(word),
            Yaml::List(items) if items.is_empty() => out.push_str("[]"),
            Yaml::Map(members) if members.is_empty() => out.push_str("{}"),
            Yaml::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    write_indent(index, depth, out);
                    out.push_str("- ");
                    item.write(depth + 1, out);
                    item.end_line(out);
                }
            }
            Yaml::Map(members) => {
                for (index, (key, value)) in members.iter().enumerate() {
                    write_indent(index, depth, out);
                    let _ = write!(out, "{key}:");
                    value.write_entry(depth, out);
                    value.end_line(out);
                }
            }
        }
    }

    /// Writes the value after its key: on the same line, or below it and further in.
    fn write_entry(&self, depth: usize, out: &mut String) {
        if self.is_inline() {
            out.push(' ');
            return self.write(depth, out);
        }
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 1));
        self.write(depth + 1, out);
    }

    fn is_inline(&self) -> bool {
        match self {
            Yaml::Text(_) | Yaml::Plain(_) => true,
            Yaml::List(items) => items.is_empty(),
            Yaml::Map(members) => members.is_empty(),
        }
    }

    /// Ends the line of an inline value; lists and maps end their last line themselves.
    fn end_line(&self, out: &mut String) {
        if self.is_inline() {
            out.push('\n');
        }
    }
}

/// Writes the indentation of all but the first line of a block, which continues its parent's line.
fn write_indent(index: usize, depth: usize, out: &mut String) {
    // The first line continues the one with the dash.
    if index > 0 {
        out.push_str(&"  ".repeat(depth));
    }
}

fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_lists_are_nested_and_texts_quoted() {
        let rule = Yaml::map([
            ("record", Yaml::text("a:b")),
            ("labels", Yaml::map([("severity", Yaml::text("no"))])),
            ("none", Yaml::list([])),
        ]);
        let group = Yaml::map([
            ("name", Yaml::text("g\"\\\n")),
            ("interval", Yaml::plain("1m")),
            ("rules", Yaml::list([rule.clone(), rule])),
        ]);
        let document = Yaml::map([("groups", Yaml::list([group]))]).to_document("Made.\n\nDon't.");
        let expected = "\
# Made.
#
# Don't.
groups:
  - name: \"g\\\"\\\\\\n\"
    interval: 1m
    rules:
      - record: \"a:b\"
        labels:
          severity: \"no\"
        none: []
      - record: \"a:b\"
        labels:
          severity: \"no\"
        none: []
";
        assert_eq!(document, expected);
    }
}
