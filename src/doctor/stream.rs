//! A connection to a receiver, encrypted or not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::network::TimedStream;
use super::target::OtlpTarget;
use super::tls::{TlsSession, handshake};

/// A way to connect to a receiver: its address, which was found to answer, and the time limits.
#[derive(Clone, Copy)]
pub(super) struct Connection<'a> {
    pub(super) target: &'a OtlpTarget,
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
    /// The time limit of one connection.
    pub(super) timeout: Duration,
}

pub(super) enum ConnectionStream {
    Plain(TimedStream),
    Encrypted(Box<TlsSession>),
}

impl Connection<'_> {
    /// Returns the same with another time limit, which holds for each connection anew.
    pub(super) const fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Opens a connection and sends nothing.
    pub(super) fn connect(self) -> io::Result<TimedStream> {
        let deadline = self.deadline.min(Instant::now() + self.timeout);
        TimedStream::connect(self.address, deadline)
    }

    /// Opens a connection for one protocol, by its ALPN name.
    pub(super) fn open(self, alpn: &str) -> io::Result<ConnectionStream> {
        let socket = self.connect()?;
        if self.target.is_https() {
            let session = handshake(self.target, socket, &[alpn])?;
            return Ok(ConnectionStream::Encrypted(Box::new(session)));
        }
        Ok(ConnectionStream::Plain(socket))
    }
}

impl Read for ConnectionStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Encrypted(session) => session.read(into),
        }
    }
}

impl Write for ConnectionStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(session) => session.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Encrypted(session) => session.flush(),
        }
    }
}
