//! The text of pages without invisible characters, which free text may contain.
//!
//! Incident texts come by an API, and may hold what changes the direction of the text around them:
//! a title could then read as another one.

/// Returns true for control characters but the line feed, those that change the direction of text, and
/// those that XML forbids.
pub(crate) fn is_invisible(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Removes invisible characters.
pub(super) fn strip_invisible(mut text: String) -> String {
    if text.contains(is_invisible) {
        text.retain(|c| !is_invisible(c));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_removed() {
        let text = "a\u{202e}b\u{0}c\nd\u{7f}";
        assert_eq!(strip_invisible(text.into()), "abc\nd");
    }
}
