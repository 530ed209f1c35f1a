//! String literals and patterns of PromQL, for all queries: those of the fleet and those that are generated.

/// Formats a string literal.
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

/// Escapes a text as a pattern that matches nothing else.
pub(crate) fn escape_regex(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped() {
        assert_eq!(quote("a\"b\\c\n"), r#""a\"b\\c\n""#);
    }

    #[test]
    fn a_pattern_matches_its_text_alone() {
        assert_eq!(escape_regex("/a/{id}/b.c"), r"/a/\{id\}/b\.c");
        assert_eq!(
            escape_regex(r"a-b c_d\(e)|[f]^*+?$"),
            r"a-b c_d\\\(e\)\|\[f\]\^\*\+\?\$"
        );
    }
}
