//! A stream that tells the activity of what goes through it.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::connections::Slot;

/// The time that a client has to close a connection after its last answer.
const LINGER: Duration = Duration::from_secs(1);

/// The bytes that are read from it in that time.
const MAX_DISCARDED_BYTES: usize = 1_024 * 1_024;

/// The stream of a connection. It keeps the connection's slot, also where the connection was upgraded to
/// another protocol and outlives its requests.
// The stream first: it is closed before the slot is free.
#[derive(Debug)]
pub(super) struct LimitedIo<I> {
    stream: I,
    /// Since the last byte was written.
    linger: Option<Linger>,
    activity: Arc<Activity>,
    _slot: Slot,
}

/// The time and the bytes that a client has to read the last answer. A socket that is closed with bytes unread is
/// reset, and the client may lose the answer, such as why it was refused.
#[derive(Debug)]
struct Linger {
    timer: Pin<Box<Sleep>>,
    left_bytes: usize,
}

impl Default for Linger {
    fn default() -> Self {
        Self {
            timer: Box::pin(sleep(LINGER)),
            left_bytes: MAX_DISCARDED_BYTES,
        }
    }
}

impl<I> LimitedIo<I> {
    pub(super) fn new(stream: I, slot: Slot) -> Self {
        Self {
            stream,
            linger: None,
            activity: Arc::clone(slot.activity()),
            _slot: slot,
        }
    }

    fn record_write(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.activity.record_blocked(Instant::now()),
            Poll::Ready(_) => self.activity.record_written(Instant::now()),
        }
    }
}

impl<I: AsyncRead + Unpin> LimitedIo<I> {
    /// Discards what the client still sends, until it closes the connection.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_default();
        let mut discarded = [0; 4_096];
        while linger.left_bytes > 0 && linger.timer.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            linger.left_bytes = linger.left_bytes.saturating_sub(count);
        }
        Poll::Ready(())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for LimitedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.record_read(Instant::now());
        }
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LimitedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.record_write(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // hyper flushes the stream once its own buffer is empty.
        match flushed {
            Poll::Pending => self.activity.record_blocked(Instant::now()),
            Poll::Ready(_) => self.activity.record_flushed(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        self.poll_linger(context).map(Ok)
    }

    // Both forwarded: without them hyper copies what it sends, for each client anew.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.record_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
