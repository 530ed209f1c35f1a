//! A connection to a receiver, encrypted or not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use super::network::Timed;
use super::target::Target;

/// The receiver at the address that was found to answer.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) target: &'a Target,
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
}

pub(super) enum Stream {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Encrypted(Box<super::tls::Session>),
}

impl Line<'_> {
    /// Opens a connection for one protocol, by its ALPN name.
    pub(super) fn open(self, alpn: &str) -> io::Result<Stream> {
        let socket = Timed::connect(self.address, self.deadline)?;
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
