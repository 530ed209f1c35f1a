//! JSON for the public: nothing that is invisible leaves in it, whichever field it stands in.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use crate::serve::pages::is_invisible;

/// Returns JSON whose strings have no invisible characters.
pub(super) fn to_public_json(value: &impl Serialize) -> String {
    let mut json = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut json, VisibleFormatter);
    // Text and numbers only, into memory: it can't fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(json).unwrap_or_default()
}

/// The compact form, which leaves out what is invisible in strings.
struct VisibleFormatter;

impl Formatter for VisibleFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut visible = fragment.split(is_invisible);
        visible.try_for_each(|part| writer.write_all(part.as_bytes()))
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote | CharEscape::ReverseSolidus | CharEscape::LineFeed => {
                CompactFormatter.write_char_escape(writer, escape)
            }
            // All other escapes are of control characters.
            _ => Ok(()),
        }
    }
}
