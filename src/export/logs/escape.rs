//! Text inside a line: nothing in it ends the line, leaves its quotes, or moves a terminal's cursor.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What stands around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// The quotes of JSON.
    Json,
    /// Quotes of text for people.
    Quoted,
    /// None: quotes and backslashes mean themselves.
    Bare,
}

/// What stands for a value whose `Debug` or `Display` panics.
const PANICKED: &str = "<panicked>";

/// What stands for a value whose `Debug` or `Display` fails.
const UNPRINTABLE: &str = "<unprintable>";

/// Appends a text, without its quotes, of at most `limit` bytes; says whether it was cut.
pub(super) fn text(into: &mut Vec<u8>, limit: usize, quoting: Quoting, text: &str) -> bool {
    let mut escaped = Escaped::new(into, limit, quoting);
    // The only failure is that it was cut.
    let _ = escaped.write_str(text);
    escaped.cut
}

/// The same for what the code of others prints, which may panic.
pub(super) fn printed(
    into: &mut Vec<u8>,
    limit: usize,
    quoting: Quoting,
    print: impl FnOnce(&mut dyn Write) -> fmt::Result,
) -> bool {
    let start = into.len();
    let mut escaped = Escaped::new(into, limit, quoting);
    let outcome = catch_unwind(AssertUnwindSafe(|| print(&mut escaped)));
    // Code that takes a failure of its writer badly has still been written as far as it fits.
    if escaped.cut {
        return true;
    }
    let instead = match outcome {
        Ok(Ok(())) => return false,
        Ok(Err(fmt::Error)) => UNPRINTABLE,
        Err(_) => PANICKED,
    };
    into.truncate(start);
    text(into, limit, quoting, instead)
}

/// Escapes what is written to it, up to a limit.
struct Escaped<'a> {
    into: &'a mut Vec<u8>,
    /// The most bytes that `into` may have.
    limit: usize,
    quoting: Quoting,
    cut: bool,
}

impl<'a> Escaped<'a> {
    fn new(into: &'a mut Vec<u8>, limit: usize, quoting: Quoting) -> Self {
        Self {
            limit: into.len() + limit,
            into,
            quoting,
            cut: false,
        }
    }

    fn plain(&mut self, text: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.into.len());
        if text.len() <= room {
            self.into.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let boundary = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        let fits = &text.as_bytes()[..boundary.unwrap_or(0)];
        self.into.extend_from_slice(fits);
        self.cut = true;
        Err(fmt::Error)
    }

    /// An escape is written as a whole or not at all.
    fn special(&mut self, special: char) -> fmt::Result {
        let start = self.into.len();
        match (special, self.quoting) {
            ('"' | '\\', Quoting::Bare) => self.into.push(special as u8),
            ('"' | '\\', _) => self.into.extend([b'\\', special as u8]),
            ('\n', _) => self.into.extend(b"\\n"),
            ('\r', _) => self.into.extend(b"\\r"),
            ('\t', _) => self.into.extend(b"\\t"),
            // No special character lies beyond the basic plane, where JSON would need two.
            (_, Quoting::Json) => numbered(self.into, b"\\u", 4, special),
            ('\0'..='\u{ff}', _) => numbered(self.into, b"\\x", 2, special),
            _ => {
                numbered(self.into, b"\\u{", 4, special);
                self.into.push(b'}');
            }
        }
        if self.into.len() > self.limit {
            self.into.truncate(start);
            self.cut = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        while let Some((at, special)) = first_special(text) {
            self.plain(&text[..at])?;
            self.special(special)?;
            text = &text[at + special.len_utf8()..];
        }
        self.plain(text)
    }
}

/// The first bytes of the characters that may be special, so that the rest is passed over quickly.
const SUSPECTS: [bool; 256] = {
    let mut suspects = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        suspects[byte] = true;
        byte += 1;
    }
    suspects[b'"' as usize] = true;
    suspects[b'\\' as usize] = true;
    suspects[0x7f] = true;
    // U+0080 to U+00BF and U+2000 to U+2FFF.
    suspects[0xc2] = true;
    suspects[0xe2] = true;
    suspects
};

fn first_special(text: &str) -> Option<(usize, char)> {
    let mut from = 0;
    loop {
        let suspect = |byte: &u8| SUSPECTS[usize::from(*byte)];
        let at = from + text.as_bytes()[from..].iter().position(suspect)?;
        let found = text[at..].chars().next()?;
        if is_special(found) {
            return Some((at, found));
        }
        from = at + found.len_utf8();
    }
}

/// Quotes and backslashes, control characters (U+0085 and U+009B among them: a new line and the start
/// of a terminal's commands), line and paragraph separators, and marks of writing direction.
fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || c.is_control()
}

fn numbered(into: &mut Vec<u8>, prefix: &[u8], digits: u32, c: char) {
    into.extend_from_slice(prefix);
    let digit = |place: u32| char::from_digit(u32::from(c) >> (4 * place) & 0xf, 16);
    into.extend((0..digits).rev().filter_map(digit).map(|digit| digit as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &str =
        "a\"b\\c\nd\re\tf\0g\x1b[31mh\u{7f}i\u{85}j\u{9b}k\u{2028}l\u{2029}m\u{202e}n\u{2066}oü–👍";

    fn escaped(limit: usize, quoting: Quoting, from: &str) -> (String, bool) {
        let mut into = Vec::new();
        let cut = text(&mut into, limit, quoting, from);
        (String::from_utf8(into).unwrap(), cut)
    }

    #[test]
    fn json_reads_back_and_holds_nothing_that_ends_a_line() {
        let (json, _) = escaped(1000, Quoting::Json, NASTY);
        let back: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
        assert_eq!(back, NASTY);
        assert!(json.ends_with("ü–👍"));
        assert!(!json.chars().any(|c| is_special(c) && c != '"' && c != '\\'));
    }

    #[test]
    fn text_for_people_shows_what_it_escaped() {
        let shown =
            r"c\nd\re\tf\x00g\x1b[31mh\x7fi\x85j\x9bk\u{2028}l\u{2029}m\u{202e}n\u{2066}oü–👍";
        let bare = escaped(1000, Quoting::Bare, NASTY).0;
        assert_eq!(bare, format!(r#"a"b\{shown}"#));
        let quoted = escaped(1000, Quoting::Quoted, NASTY).0;
        assert_eq!(quoted, format!(r#"a\"b\\{shown}"#));
    }

    #[test]
    fn a_cut_leaves_whole_characters_and_whole_escapes() {
        for limit in 0..200 {
            let (json, cut) = escaped(limit, Quoting::Json, NASTY);
            assert!(json.len() <= limit);
            let back: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            assert!(NASTY.starts_with(&back));
            assert_eq!(cut, back != NASTY, "{limit}");
        }
    }

    #[test]
    fn what_panics_or_fails_is_replaced_as_a_whole() {
        let replaced = |print: fn(&mut dyn Write) -> fmt::Result| {
            let mut into = b"x".to_vec();
            printed(&mut into, 100, Quoting::Json, print);
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
