//! String literals of PromQL, for all queries: those of the fleet and those that are generated.

/// Formats a string literal.
///
/// Only what the grammar needs is escaped: a double quote, a backslash, a line feed. See
/// <https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals>.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped() {
        assert_eq!(quote("a\"b\\c\n"), r#""a\"b\\c\n""#);
    }
}
