//! A connection to a receiver, encrypted or not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::network::Timed;
use super::target::Target;

/// The receiver at the address that was found to answer.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) target: &'a Target,
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
    /// The time of one connection.
    pub(super) patience: Duration,
}

pub(super) enum Stream {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Encrypted(Box<super::tls::Session>),
}

impl Line<'_> {
    /// The same with less time for all that follows, for each question anew.
    pub(super) const fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Opens a connection without a word on it.
    pub(super) fn connect(self) -> io::Result<Timed> {
        let deadline = self.deadline.min(Instant::now() + self.patience);
        Timed::connect(self.address, deadline)
    }

    /// Opens a connection for one protocol, by its ALPN name.
    pub(super) fn open(self, alpn: &str) -> io::Result<Stream> {
        let socket = self.connect()?;
        #[cfg(feature = "tls")]
        if self.target.is_https() {
            let session = super::tls::handshake(self.target, socket, &[alpn])?;
            return Ok(Stream::Encrypted(Box::new(session)));
        }
        let _ = alpn;
        Ok(Stream::Plain(socket))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            #[cfg(feature = "tls")]
            Self::Encrypted(session) => session.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Encrypted(session) => session.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Encrypted(session) => session.flush(),
        }
    }
}
