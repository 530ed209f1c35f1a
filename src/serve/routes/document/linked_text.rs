//! Text with absolute links whose base is another one for each request: rendered and compressed once, with a
//! placeholder, in whose place each answer has its base.
//!
//! Why not a document for each base? A base is what the headers of a request say, so that a stranger could
//! have as many rendered, compressed and kept as he can invent.
//!
//! Compressed, a part is deflated by itself, without a look at the parts before: whatever stands between them
//! changes no distance within. A base is a stored block of deflate. Together with the head and the checksum of
//! gzip that is one stream like any other.

use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use http_body::{Frame, SizeHint};

/// The head of a gzip stream: deflate, no name, no time, an unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, stored and empty.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Text in both its forms, cut where the base of links stands.
#[derive(Debug)]
pub(super) struct LinkedText {
    plain: Arc<[Bytes]>,
    /// A whole gzip stream where the text is in one part; otherwise the deflated form of each.
    compressed: Vec<Bytes>,
}

impl LinkedText {
    /// Compresses a text, cut at each `placeholder`; `None` for a text without one.
    pub(super) fn new(text: String, placeholder: Option<&str>) -> Self {
        let plain: Arc<[Bytes]> = match placeholder {
            Some(placeholder) => split(text, placeholder).into(),
            None => Arc::new([text.into()]),
        };
        let compressed = match &*plain {
            [whole] => vec![gzip(whole, Compression::default()).into()],
            parts => parts.iter().map(|part| deflate(part).into()).collect(),
        };
        Self { plain, compressed }
    }

    /// Returns the parts of the text.
    pub(super) fn parts(&self) -> &[Bytes] {
        &self.plain
    }

    /// Returns the text with this base of its links, of which no reader holds a copy of its own.
    pub(super) fn plain(&self, base: &str) -> Body {
        match &*self.plain {
            [whole] => whole.clone().into(),
            parts => {
                let bases = base.len() * (parts.len() - 1);
                let text: usize = parts.iter().map(Bytes::len).sum();
                Body::new(LinkedBody {
                    rest: parts[0].clone(),
                    parts: Arc::clone(&self.plain),
                    next: 1,
                    base: Bytes::copy_from_slice(base.as_bytes()),
                    length: text + bases,
                })
            }
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

/// The bytes that are written at a time: each write of a few kilobytes may wait for the client's acknowledgement of
/// the one before.
const CHUNK: usize = 16 << 10;

/// A text with its base between the parts. What is long is shared; what is short is copied into a chunk, and only
/// when it is asked for, so that a slow reader holds a chunk and not a text.
#[derive(Debug)]
struct LinkedBody {
    parts: Arc<[Bytes]>,
    /// The index of the part after `rest`.
    next: usize,
    /// The rest of the part before, which has not been yielded.
    rest: Bytes,
    base: Bytes,
    /// The number of bytes to come.
    length: usize,
}

impl LinkedBody {
    /// Returns the next bytes; empty at the end.
    fn chunk(&mut self) -> Bytes {
        if self.rest.len() >= CHUNK {
            return std::mem::take(&mut self.rest);
        }
        let mut chunk = BytesMut::with_capacity(CHUNK.min(self.length));
        loop {
            let missing = CHUNK - chunk.len().min(CHUNK);
            chunk.extend_from_slice(&self.rest.split_to(missing.min(self.rest.len())));
            if chunk.len() >= CHUNK {
                break;
            }
            let Some(part) = self.parts.get(self.next) else {
                break;
            };
            self.next += 1;
            chunk.extend_from_slice(&self.base);
            self.rest = part.clone();
        }
        chunk.freeze()
    }
}

impl http_body::Body for LinkedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunk();
        self.length -= chunk.len();
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length.try_into().unwrap_or(u64::MAX))
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

    use http_body_util::BodyExt as _;

    use super::*;

    /// Decompresses one member of gzip, whose checksum is right and after which nothing comes.
    fn gunzip(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = flate2::bufread::GzDecoder::new(bytes);
        decoder.read_to_string(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty());
        text
    }

    /// Returns the chunks of a body.
    async fn chunks(mut body: Body) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.push(frame.unwrap().into_data().unwrap());
        }
        chunks
    }

    #[tokio::test]
    async fn a_reader_holds_the_parts_that_all_have_and_a_chunk_at_most() {
        let long = "x".repeat(1 << 20);
        let linked = LinkedText::new(format!("@/a{long}@/b{long}@"), Some("@"));
        let shared = linked.parts().iter().map(|part| part.as_ptr_range());
        let shared: Vec<_> = shared.collect();
        let mut copied = 0;
        for _ in 0..100 {
            let body = linked.plain("https://status.example");
            let hint = http_body::Body::size_hint(&body).exact().unwrap();
            let chunks = chunks(body).await;
            let length: usize = chunks.iter().map(Bytes::len).sum();
            assert_eq!(hint, u64::try_from(length).unwrap());
            let is_shared = |chunk: &&Bytes| {
                let mut shared = shared.iter();
                shared.any(|part| part.contains(&chunk.as_ptr()))
            };
            let own = chunks.iter().filter(|chunk| !is_shared(chunk));
            copied += own.map(Bytes::len).sum::<usize>();
        }
        assert!(copied <= 100 * 3 * CHUNK, "{copied}");
        // Small parts are written together, a chunk at a time.
        let linked = LinkedText::new("@ a few bytes ".repeat(50_000), Some("@"));
        let chunks = chunks(linked.plain("/ops")).await;
        let (last, others) = chunks.split_last().unwrap();
        assert!(last.len() <= CHUNK + 4 && others.len() > 10);
        for chunk in others {
            assert!((CHUNK..CHUNK + 4).contains(&chunk.len()), "{}", chunk.len());
        }
    }

    #[tokio::test]
    async fn both_forms_have_the_base_of_each_answer() {
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
                assert_eq!(
                    chunks(linked.plain(base)).await.concat(),
                    expected.as_bytes()
                );
                assert_eq!(gunzip(&linked.gzip(base)), expected);
            }
        }
    }

    #[tokio::test]
    async fn a_text_without_a_placeholder_is_one_part() {
        let linked = LinkedText::new("@ é".into(), None);
        assert_eq!(chunks(linked.plain("x")).await, ["@ é"]);
        assert_eq!(gunzip(&linked.gzip("x")), "@ é");
        assert_eq!(linked.parts().len(), 1);
    }
}
