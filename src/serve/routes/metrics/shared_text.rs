//! A text that many clients are sent at their own pace, and a bound on what those who don't read keep in memory.
//!
//! Each text is in pieces of an own allocation, and a connection holds the few that are being written. So the rest
//! can be taken back, which a slice of one large buffer would not allow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::record::sync::lock;

/// The bytes of a piece.
const PIECE_BYTES: usize = 16 * 1_024;

/// The texts that may wait for their readers, however long they are: those of the usual scrapers.
const MAX_TEXTS: usize = 8;

/// The bytes of all texts together from which the oldest is taken back, where there are more than [`MAX_TEXTS`].
const MAX_BYTES: usize = 32 * 1_024 * 1_024;

/// A text in pieces, in memory as long as a response is being sent, or until it is taken back.
#[derive(Debug)]
pub(super) struct SharedText {
    length: usize,
    /// `None` once they were taken back.
    pieces: Mutex<Option<Vec<Bytes>>>,
}

/// The texts that are being sent, the oldest first.
#[derive(Debug, Default)]
pub(super) struct UnreadTexts(Mutex<VecDeque<Weak<SharedText>>>);

/// The error of a response that was not read for so long that its text was taken back.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client did not read the response while newer ones were sent")]
struct TakenBackError;

impl UnreadTexts {
    /// Returns the bytes as a text, for which those make room that have been sent for the longest time.
    pub(super) fn share(&self, bytes: &[u8]) -> Arc<SharedText> {
        let pieces = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice);
        let text = Arc::new(SharedText {
            length: bytes.len(),
            pieces: Mutex::new(Some(pieces.collect())),
        });
        let mut texts = lock(&self.0);
        texts.retain(|text| text.strong_count() > 0);
        texts.push_back(Arc::downgrade(&text));
        let lengths = texts.iter().filter_map(Weak::upgrade);
        let mut total: usize = lengths.map(|text| text.length).sum();
        while texts.len() > MAX_TEXTS && total > MAX_BYTES {
            if let Some(oldest) = texts.pop_front().and_then(|text| text.upgrade()) {
                total = total.saturating_sub(oldest.length);
                lock(&oldest.pieces).take();
            }
        }
        text
    }
}

impl SharedText {
    /// Returns a body that sends the text.
    pub(super) fn body(self: Arc<Self>) -> Body {
        Body::new(SharedBody {
            left: self.length,
            next: 0,
            text: self,
        })
    }

    fn piece(&self, number: usize) -> Option<Bytes> {
        lock(&self.pieces).as_ref()?.get(number).cloned()
    }
}

/// A response body of a shared text.
#[derive(Debug)]
struct SharedBody {
    text: Arc<SharedText>,
    next: usize,
    /// The bytes that are still to be sent.
    left: usize,
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = TakenBackError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TakenBackError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(piece) = self.text.piece(self.next) else {
            return Poll::Ready(Some(Err(TakenBackError)));
        };
        self.next += 1;
        self.left -= piece.len();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    const MEGABYTE: usize = 1_000_000;

    fn read(body: Body) -> Result<Vec<u8>, axum::Error> {
        let mut all = pin!(axum::body::to_bytes(body, usize::MAX));
        match all.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(all) => all.map(Vec::from),
            Poll::Pending => panic!("it is there"),
        }
    }

    #[test]
    fn a_text_is_sent_whole_to_each_reader() {
        let texts = UnreadTexts::default();
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, MEGABYTE] {
            let bytes: Vec<_> = (0..length).map(|at| at as u8).collect();
            let text = texts.share(&bytes);
            for _ in 0..2 {
                let body = Arc::clone(&text).body();
                assert_eq!(body.size_hint().exact(), Some(length as u64));
                assert_eq!(read(body).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn those_that_are_not_read_make_room_the_oldest_first() {
        let texts = UnreadTexts::default();
        let unread: Vec<_> = (0..40)
            .map(|_| texts.share(&vec![b'x'; MEGABYTE]).body())
            .collect();
        let taken_back = 40 - MAX_BYTES / MEGABYTE;
        for (number, body) in unread.into_iter().enumerate() {
            let read = read(body);
            assert_eq!(read.is_err(), number < taken_back, "{number}");
        }
    }

    #[test]
    fn a_few_are_kept_however_long_they_are() {
        let texts = UnreadTexts::default();
        let unread: Vec<_> = (0..=MAX_TEXTS)
            .map(|_| texts.share(&vec![b'x'; MAX_BYTES / 4]).body())
            .collect();
        let whole = unread.into_iter().filter_map(|body| read(body).ok());
        assert_eq!(whole.count(), MAX_TEXTS);
    }

    #[test]
    fn what_was_read_takes_no_room() {
        let texts = UnreadTexts::default();
        let first = texts.share(&[b'x'; MEGABYTE]).body();
        for _ in 0..100 {
            read(texts.share(&vec![b'x'; MEGABYTE]).body()).unwrap();
        }
        assert_eq!(lock(&texts.0).len(), 2);
        assert_eq!(read(first).unwrap().len(), MEGABYTE);
    }
}
