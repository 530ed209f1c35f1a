//! Text inside a line: nothing in it ends the line, leaves its quotes, or moves a terminal's cursor.
//!
//! | character | JSON | text |
//! |---|---|---|
//! | `"`, `\` | escaped | escaped within quotes only |
//! | line feed, carriage return, tab | `\n`, `\r`, `\t` | the same |
//! | other control characters | `\u0007` | `\x07` |
//! | U+2028, U+2029 and marks of direction | `\u2028` | `\u{2028}` |
//!
//! Why the marks of direction? A text that reverses what follows it can make a line read as another
//! one: <https://trojansource.codes>. Why control characters in text for people? A terminal
//! executes them.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The quotes around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// The quotes of JSON.
    Json,
    /// Quotes of text for people.
    Quoted,
    /// None: quotes and backslashes mean themselves.
    Bare,
}

/// The placeholder of a value whose `Debug` or `Display` panics.
const PANICKED: &str = "<panicked>";

/// The placeholder of a value whose `Debug` or `Display` fails.
const UNPRINTABLE: &str = "<unprintable>";

/// Appends a text, without its quotes, of at most `limit` bytes; says whether it was cut.
pub(super) fn escape_text(into: &mut Vec<u8>, limit: usize, quoting: Quoting, text: &str) -> bool {
    // The limit is checked while writing: a value's `Debug` may print megabytes, of which only the
    // first bytes are ever held.
    let mut escaped = EscapeWriter::new(into, limit, quoting);
    // The only failure is that it was cut.
    let _ = escaped.write_str(text);
    escaped.truncated
}

/// Appends the output of foreign code in the same way, which may panic.
pub(super) fn escape_display(
    into: &mut Vec<u8>,
    limit: usize,
    quoting: Quoting,
    print: impl FnOnce(&mut dyn Write) -> fmt::Result,
) -> bool {
    let start = into.len();
    let mut escaped = EscapeWriter::new(into, limit, quoting);
    let outcome = catch_unwind(AssertUnwindSafe(|| print(&mut escaped)));
    // Code that takes a failure of its writer badly has still been written as far as it fits.
    if escaped.truncated {
        return true;
    }
    let instead = match outcome {
        Ok(Ok(())) => return false,
        Ok(Err(fmt::Error)) => UNPRINTABLE,
        Err(_) => PANICKED,
    };
    // What it printed before it failed is incomplete, and says nothing reliable.
    into.truncate(start);
    escape_text(into, limit, quoting, instead)
}

/// Escapes what is written to it, up to a limit.
struct EscapeWriter<'a> {
    into: &'a mut Vec<u8>,
    /// The most bytes that `into` may have.
    /// An absolute position, so that no subtraction can underflow.
    limit: usize,
    quoting: Quoting,
    truncated: bool,
}

impl<'a> EscapeWriter<'a> {
    fn new(into: &'a mut Vec<u8>, limit: usize, quoting: Quoting) -> Self {
        Self {
            limit: into.len() + limit,
            into,
            quoting,
            truncated: false,
        }
    }

    /// Appends text without special characters, as far as it fits, cut at a character's boundary.
    fn write_plain(&mut self, text: &str) -> fmt::Result {
        let remaining = self.limit.saturating_sub(self.into.len());
        if text.len() <= remaining {
            self.into.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let boundary = (0..=remaining).rev().find(|at| text.is_char_boundary(*at));
        let fits = &text.as_bytes()[..boundary.unwrap_or(0)];
        self.into.extend_from_slice(fits);
        self.truncated = true;
        Err(fmt::Error)
    }

    /// An escape is written as a whole or not at all.
    fn write_special(&mut self, special: char) -> fmt::Result {
        let start = self.into.len();
        match (special, self.quoting) {
            ('"' | '\\', Quoting::Bare) => self.into.push(special as u8),
            ('"' | '\\', _) => self.into.extend([b'\\', special as u8]),
            ('\n', _) => self.into.extend(b"\\n"),
            ('\r', _) => self.into.extend(b"\\r"),
            ('\t', _) => self.into.extend(b"\\t"),
            // No special character lies beyond the basic plane, where JSON would need two.
            (_, Quoting::Json) => write_numeric_escape(self.into, b"\\u", 4, special),
            ('\0'..='\u{ff}', _) => write_numeric_escape(self.into, b"\\x", 2, special),
            _ => {
                write_numeric_escape(self.into, b"\\u{", 4, special);
                self.into.push(b'}');
            }
        }
        if self.into.len() > self.limit {
            self.into.truncate(start);
            self.truncated = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

impl Write for EscapeWriter<'_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        // Formatters may ignore an error and go on writing.
        if self.truncated {
            return Err(fmt::Error);
        }
        while let Some((at, special)) = first_special(text) {
            self.write_plain(&text[..at])?;
            self.write_special(special)?;
            text = &text[at + special.len_utf8()..];
        }
        self.write_plain(text)
    }
}

/// The first bytes of the characters that may be special, so that the rest is passed over quickly.
// A table, because most bytes of a log are letters: one load and one branch each.
const MAYBE_SPECIAL: [bool; 256] = {
    let mut maybe_special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        maybe_special[byte] = true;
        byte += 1;
    }
    maybe_special[b'"' as usize] = true;
    maybe_special[b'\\' as usize] = true;
    maybe_special[0x7f] = true;
    // U+0080 to U+00BF and U+2000 to U+2FFF.
    maybe_special[0xc2] = true;
    maybe_special[0xe2] = true;
    maybe_special
};

/// Returns the first special character and its position in bytes.
fn first_special(text: &str) -> Option<(usize, char)> {
    let mut from = 0;
    loop {
        let is_maybe_special = |byte: &u8| MAYBE_SPECIAL[usize::from(*byte)];
        let at = from + text.as_bytes()[from..].iter().position(is_maybe_special)?;
        let special = text[at..].chars().next()?;
        if is_special(special) {
            return Some((at, special));
        }
        from = at + special.len_utf8();
    }
}

/// Quotes and backslashes, control characters (U+0085 and U+009B among them: a new line and the start
/// of a terminal's commands), line and paragraph separators, and marks of writing direction.
fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || c.is_control()
}

/// Appends `digits` hexadecimal digits, the highest first.
fn write_numeric_escape(into: &mut Vec<u8>, prefix: &[u8], digits: u32, c: char) {
    into.extend_from_slice(prefix);
    let digit = |place: u32| char::from_digit(u32::from(c) >> (4 * place) & 0xf, 16);
    into.extend((0..digits).rev().filter_map(digit).map(|digit| digit as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIAL_TEXT: &str =
        "a\"b\\c\nd\re\tf\0g\x1b[31mh\u{7f}i\u{85}j\u{9b}k\u{2028}l\u{2029}m\u{202e}n\u{2066}oü–👍";

    fn escaped(limit: usize, quoting: Quoting, from: &str) -> (String, bool) {
        let mut into = Vec::new();
        let truncated = escape_text(&mut into, limit, quoting, from);
        (String::from_utf8(into).unwrap(), truncated)
    }

    #[test]
    fn json_reads_back_and_holds_nothing_that_ends_a_line() {
        let (json, _) = escaped(1000, Quoting::Json, SPECIAL_TEXT);
        let back: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
        assert_eq!(back, SPECIAL_TEXT);
        assert!(json.ends_with("ü–👍"));
        assert!(!json.chars().any(|c| is_special(c) && c != '"' && c != '\\'));
    }

    #[test]
    fn text_for_people_shows_what_it_escaped() {
        let shown =
            r"c\nd\re\tf\x00g\x1b[31mh\x7fi\x85j\x9bk\u{2028}l\u{2029}m\u{202e}n\u{2066}oü–👍";
        let bare = escaped(1000, Quoting::Bare, SPECIAL_TEXT).0;
        assert_eq!(bare, format!(r#"a"b\{shown}"#));
        let quoted = escaped(1000, Quoting::Quoted, SPECIAL_TEXT).0;
        assert_eq!(quoted, format!(r#"a\"b\\{shown}"#));
    }

    #[test]
    fn a_cut_leaves_whole_characters_and_whole_escapes() {
        for limit in 0..200 {
            let (json, truncated) = escaped(limit, Quoting::Json, SPECIAL_TEXT);
            assert!(json.len() <= limit);
            let back: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            assert!(SPECIAL_TEXT.starts_with(&back));
            assert_eq!(truncated, back != SPECIAL_TEXT, "{limit}");
        }
    }

    #[test]
    fn what_panics_or_fails_is_replaced_as_a_whole() {
        let replaced = |print: fn(&mut dyn Write) -> fmt::Result| {
            let mut into = b"x".to_vec();
            escape_display(&mut into, 100, Quoting::Json, print);
            String::from_utf8(into).unwrap()
        };
        let panics = |f: &mut dyn Write| {
            f.write_str("begun")?;
            panic!("in a Display")
        };
        assert_eq!(replaced(panics), "x<panicked>");
        assert_eq!(replaced(|_| Err(fmt::Error)), "x<unprintable>");
        assert_eq!(replaced(|f| f.write_str("fine")), "xfine");
    }
}
