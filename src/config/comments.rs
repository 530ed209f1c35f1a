//! Comments in the config file: `// …` to the end of a line, and `/* … */`.
//!
//! Why are they read, where JSON has none? Because a file that people keep wants reasons beside its values, and
//! because editors and other tools read the same (JSONC). Nothing else is added: a comma too many stays a fault.

use std::borrow::Cow;

/// Returns the text with its comments replaced by spaces, so that every error keeps its line and column.
///
/// A block comment that does not end is left as it is: the parser then names its place.
pub(super) fn without_comments(text: &str) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = comment_start(rest) {
        let (before, comment) = rest.split_at(start);
        let Some(length) = comment_length(comment) else {
            break;
        };
        let (comment, after) = comment.split_at(length);
        plain.push_str(before);
        plain.extend(comment.chars().map(blank));
        rest = after;
    }
    match plain.is_empty() {
        true => text.into(),
        false => (plain + rest).into(),
    }
}

/// Returns the place of the first comment outside of strings.
fn comment_start(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '/' if !quoted && text[at..].starts_with("//") => return Some(at),
            '/' if !quoted && text[at..].starts_with("/*") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Returns the length of the comment at the start of the text; `None` if it does not end.
fn comment_length(comment: &str) -> Option<usize> {
    match comment.strip_prefix("/*") {
        Some(inner) => inner.find("*/").map(|end| "/*".len() + end + "*/".len()),
        None => Some(comment.find('\n').unwrap_or(comment.len())),
    }
}

fn blank(c: char) -> char {
    match c {
        '\n' | '\r' => c,
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_lines_stay() {
        let text = "{ // one\n  /* two\n three */ \"a\": 1 // end";
        let expected = "{       \n        \n          \"a\": 1       ";
        assert_eq!(without_comments(text), expected);
    }

    #[test]
    fn strings_are_no_comments() {
        for text in [
            r#"{"a": "http://x/*y*/"}"#,
            r#"{"a\"//": "\\", "b": "/* \" */"}"#,
            "{}",
            "",
        ] {
            assert_eq!(without_comments(text), text);
        }
        let text = r#"{"a": "\\"} // "x"#;
        assert_eq!(without_comments(text).trim_end(), r#"{"a": "\\"}"#);
    }

    #[test]
    fn a_comment_without_end_and_a_single_slash_are_left_for_the_parser() {
        assert_eq!(without_comments("{ /* a"), "{ /* a");
        assert_eq!(without_comments("{ /*/ a"), "{ /*/ a");
        assert_eq!(without_comments("{ / }"), "{ / }");
    }
}
