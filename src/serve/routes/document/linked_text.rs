//! Text with absolute links whose base is another one for each request: rendered and compressed once, with a
//! placeholder, in whose place each answer has its base.
//!
//! Why not a document for each base? A base is what the headers of a request say, so that a stranger could
//! have as many rendered, compressed and kept as he can invent.
//!
//! Compressed, a part is deflated by itself, without a look at the parts before: whatever stands between them
//! changes no distance within. A base is a stored block of deflate. Together with the head and the checksum of
//! gzip that is one stream like any other.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// The head of a gzip stream: deflate, no name, no time, an unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, stored and empty.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Text in both its forms, cut where the base of links stands.
#[derive(Debug)]
pub(super) struct LinkedText {
    plain: Vec<Bytes>,
    /// A whole gzip stream where the text is in one part; otherwise the deflated form of each.
    compressed: Vec<Bytes>,
}

impl LinkedText {
    /// Compresses a text, cut at each `placeholder`; `None` for a text without one.
    pub(super) fn new(text: String, placeholder: Option<&str>) -> Self {
        let plain = match placeholder {
            Some(placeholder) => split(text, placeholder),
            None => vec![text.into()],
        };
        let compressed = match plain.as_slice() {
            [whole] => vec![gzip(whole, Compression::default()).into()],
            parts => parts.iter().map(|part| deflate(part).into()).collect(),
        };
        Self { plain, compressed }
    }

    /// Returns the parts of the text.
    pub(super) fn parts(&self) -> &[Bytes] {
        &self.plain
    }

    /// Returns the text with this base of its links. In one piece, which is copied where there are links: the parts
    /// would be written one by one, and each write of a few kilobytes may wait for the client's acknowledgement of
    /// the one before.
    pub(super) fn plain(&self, base: &str) -> Bytes {
        match self.plain.as_slice() {
            [whole] => whole.clone(),
            parts => parts.join(base.as_bytes()).into(),
        }
    }

    /// Returns the text with this base of its links as gzip.
    pub(super) fn gzip(&self, base: &str) -> Bytes {
        if let [whole] = self.compressed.as_slice() {
            return whole.clone();
        }
        let mut checksum = Crc::new();
        for (index, part) in self.plain.iter().enumerate() {
            if index > 0 {
                checksum.update(base.as_bytes());
            }
            checksum.update(part);
        }
        let mut stream = GZIP_HEAD.to_vec();
        stream.extend(self.compressed.join(stored_block(base).as_slice()));
        stream.extend(LAST_BLOCK);
        stream.extend(checksum.sum().to_le_bytes());
        stream.extend(checksum.amount().to_le_bytes());
        stream.into()
    }
}

/// Cuts a text at each `separator`, without a copy of it.
fn split(text: String, separator: &str) -> Vec<Bytes> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (at, found) in text.match_indices(separator) {
        ranges.push(start..at);
        start = at + found.len();
    }
    ranges.push(start..text.len());
    let text = Bytes::from(text);
    ranges.into_iter().map(|range| text.slice(range)).collect()
}

/// Returns the text compressed.
pub(in crate::serve::routes) fn gzip(text: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), level);
    // Into memory it can't fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

/// Deflates a part of a stream, up to the border of a byte.
fn deflate(part: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Into memory it can't fail.
    let _ = encoder.write_all(part);
    let _ = encoder.flush();
    // Without the end of the stream, which comes after the last part.
    std::mem::take(encoder.get_mut())
}

/// Returns a block of deflate with the text as it is; a base is far shorter than the 64 KiB of a block.
fn stored_block(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut block = vec![0];
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block.extend(&text.as_bytes()[..usize::from(length)]);
    block
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Decompresses one member of gzip, whose checksum is right and after which nothing comes.
    fn gunzip(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = flate2::bufread::GzDecoder::new(bytes);
        decoder.read_to_string(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty());
        text
    }

    #[test]
    fn both_forms_have_the_base_of_each_answer() {
        let long = "a text that repeats itself, ".repeat(3_000);
        let longest = format!("https://{}/{}", "a".repeat(260), "b".repeat(512));
        for text in [
            String::new(),
            "no link".into(),
            "@".into(),
            "@@".into(),
            format!("{long}@/status{long}@{long}é@"),
            format!("@/a{long}@/b"),
        ] {
            let linked = LinkedText::new(text.clone(), Some("@"));
            for base in ["https://status.example", "/ops", "", &longest] {
                let expected = text.replace('@', base);
                assert_eq!(linked.plain(base), expected.as_bytes());
                assert_eq!(gunzip(&linked.gzip(base)), expected);
            }
        }
    }

    #[test]
    fn a_text_without_a_placeholder_is_one_part() {
        let linked = LinkedText::new("@ é".into(), None);
        assert_eq!(linked.plain("x"), "@ é".as_bytes());
        assert_eq!(gunzip(&linked.gzip("x")), "@ é");
        assert_eq!(linked.parts().len(), 1);
    }
}
