//! The stream of a connection, which can be cut, and whose heads have a time limit.
//!
//! Why the time limit here, and not that of hyper? Hyper's counts from the end of the response before, so that it
//! would close idle connections too: a load balancer keeps those for a minute and more, and what it sends on one
//! that closes meanwhile is lost. Here it counts from the first byte of a head.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection::{Connection, OpenConnection};

/// The first bytes of a client that speaks HTTP/2; no method of HTTP/1 begins so.
const HTTP_2: &[u8] = b"PRI";

/// The stream of a counted connection.
#[derive(Debug)]
pub(crate) struct AppStream<T> {
    inner: T,
    connection: OpenConnection,
    /// The number of the connection's first bytes that are those of HTTP/2.
    preface: usize,
    /// False once a byte was another one.
    is_http_2: bool,
    head: Option<PartialHead>,
    header_timeout: Duration,
}

/// A head that has begun.
#[derive(Debug)]
struct PartialHead {
    /// The number of requests before it.
    begun: u64,
    timeout: Pin<Box<Sleep>>,
}

impl<T> AppStream<T> {
    pub(super) const fn new(
        inner: T,
        connection: OpenConnection,
        header_timeout: Duration,
    ) -> Self {
        Self {
            inner,
            connection,
            preface: 0,
            is_http_2: true,
            head: None,
            header_timeout,
        }
    }

    pub(super) const fn connection(&self) -> &Arc<Connection> {
        self.connection.connection()
    }

    /// Returns an error where the head that has begun took too long.
    fn check_head(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(head) = &mut self.head else {
            return Ok(());
        };
        let connection = self.connection.connection();
        if !connection.awaits_head() || connection.begun() != head.begun {
            self.head = None;
            return Ok(());
        }
        match head.timeout.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Looks at what was read: the preface of HTTP/2, or the beginning of a head.
    fn observe(&mut self, read: &[u8]) {
        let expected = &HTTP_2[self.preface..];
        let common = read.len().min(expected.len());
        self.is_http_2 &= read[..common] == expected[..common];
        self.preface += common;
        let connection = self.connection.connection();
        // HTTP/2 reads frames that belong to no request, and its heads are short.
        if !read.is_empty() && !self.is_http_2 && self.head.is_none() && connection.awaits_head() {
            self.head = Some(PartialHead {
                begun: connection.begun(),
                timeout: Box::pin(sleep(self.header_timeout)),
            });
        }
    }

    fn check_cut(&self) -> io::Result<()> {
        if self.connection.connection().is_cut_now() {
            Err(cut())
        } else {
            Ok(())
        }
    }

    /// Notes whether a write waits for the client.
    fn note_write<R>(&self, written: Poll<R>) -> Poll<R> {
        self.connection
            .connection()
            .set_blocked(written.is_pending());
        written
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server has ended")
}

impl<T: AsyncRead + Unpin> AsyncRead for AppStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.connection().is_cut(cx.waker()) {
            return Poll::Ready(Err(cut()));
        }
        self.check_head(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.observe(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for AppStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_cut()?;
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_cut()?;
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_cut()?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::Connections;
    use super::*;
    use crate::record::instruments::ApiInstruments;
    use crate::record::series::Instruments;
    use crate::record::slo_events::SloEvents;

    const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

    /// Returns a stream with the other end of it.
    fn stream() -> (Connections, AppStream<DuplexStream>, DuplexStream) {
        let api = ApiInstruments::new(&Instruments::noop(), &SloEvents::default());
        let connections = Connections::new(api);
        let (server, client) = duplex(64);
        let stream = AppStream::new(server, connections.open(), HEADER_TIMEOUT);
        (connections, stream, client)
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_is_given_up_and_an_idle_connection_is_not() {
        let (_, mut stream, mut client) = stream();
        let mut buffer = [0; 64];
        let idle = tokio::time::timeout(10 * HEADER_TIMEOUT, stream.read(&mut buffer)).await;
        assert!(idle.is_err(), "nothing was sent: {idle:?}");
        client.write_all(b"GET / HT").await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 8);
        let error = stream.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_a_switch_of_protocols_and_frames_are_no_heads() {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\n"] {
            for upgraded in [false, true] {
                let (connections, mut stream, mut client) = stream();
                let mut buffer = [0; 64];
                client.write_all(bytes).await.unwrap();
                assert!(stream.read(&mut buffer).await.unwrap() > 0);
                let connection = Arc::clone(stream.connection());
                let request = connections.begin_request(&connection, true);
                if upgraded {
                    connection.set_upgraded();
                    drop(request);
                    client.write_all(b"a frame").await.unwrap();
                    assert!(stream.read(&mut buffer).await.unwrap() > 0);
                }
                let limit = 10 * HEADER_TIMEOUT;
                let silent = tokio::time::timeout(limit, stream.read(&mut buffer)).await;
                assert!(silent.is_err(), "{silent:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_told_that_its_connection_is_cut() {
        let (connections, mut stream, _client) = stream();
        let mut buffer = [0; 64];
        let reading = tokio::spawn(async move { stream.read(&mut buffer).await });
        tokio::task::yield_now().await;
        connections.cut_idle(); // seen idle for the first time
        tokio::task::yield_now().await;
        assert!(!reading.is_finished());
        connections.cut_idle();
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    /// Counts how often it is woken.
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_task_that_does_not_read_in_between_is_woken_for_both_steps_of_the_end() {
        let (connections, stream, _client) = stream();
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        assert!(!stream.connection().is_cut(&Arc::clone(&wakes).into()));
        connections.cut_requests();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        connections.cut_all();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_connection_that_speaks_another_protocol_is_cut_at_the_end_alone() {
        let (connections, stream, _client) = stream();
        let connection = Arc::clone(stream.connection());
        connection.set_upgraded();
        for _ in 0..3 {
            connections.cut_idle();
        }
        assert!(!connection.is_cut_now());
        connections.cut_all();
        assert!(connection.is_cut_now());
    }

    #[tokio::test]
    async fn a_connection_with_a_request_or_an_answer_that_is_not_taken_is_not_idle() {
        let (connections, mut stream, _client) = stream();
        let connection = Arc::clone(stream.connection());
        let request = connections.begin_request(&connection, true);
        connections.cut_idle();
        connections.cut_idle();
        assert!(!connection.is_cut_now());
        let full = tokio::time::timeout(Duration::from_millis(1), stream.write_all(&[0; 65]));
        assert!(full.await.is_err(), "nobody reads");
        drop(request);
        connections.cut_idle();
        connections.cut_idle();
        assert!(!connection.is_cut_now());
        connections.cut_all();
        assert!(connection.is_cut_now());
    }
}
