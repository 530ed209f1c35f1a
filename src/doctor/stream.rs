//! A connection to a server: directly or by its proxy, encrypted or not.
//!
//! A tunnel is opened with the same credentials and checks as the exporter's, and every connection
//! is a new one: what a receiver keeps open does not hide what it refuses now.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::http_head::HttpHead;
use super::network::TimedStream;
use super::tls::{TlsSession, handshake};
use super::url_target::UrlTarget;
use crate::net::{ProxyMethod, ProxyRoute};

/// The longest head of a proxy's answer that is read, in bytes.
/// A proxy that sends more is none.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// A way to connect to a server: an address that was found to answer, and the time limits.
#[derive(Clone, Copy)]
pub(super) struct Connection<'a> {
    pub(super) target: &'a UrlTarget,
    /// The proxy that listens at the address, unless the server does.
    pub(super) proxy: Option<&'a ProxyRoute>,
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
    /// The time limit of one connection.
    pub(super) timeout: Duration,
}

pub(super) enum ConnectionStream {
    Plain(TimedStream),
    Encrypted(Box<TlsSession>),
}

/// The refusal of a proxy to open a tunnel.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the proxy refuses to open a tunnel ({status})")]
pub(super) struct TunnelRefusal {
    pub(super) status: u16,
}

impl<'a> Connection<'a> {
    /// Returns the same with another time limit, which holds for each connection anew.
    pub(super) const fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Returns the proxy that reads the requests.
    pub(super) fn forwarding_proxy(self) -> Option<&'a ProxyRoute> {
        self.proxy
            .filter(|proxy| proxy.method == ProxyMethod::Forward)
    }

    /// Opens a connection, or a tunnel, and sends nothing through it.
    pub(super) fn connect(self) -> io::Result<TimedStream> {
        // The shorter of both: no connection may take the time of the whole.
        let deadline = self.deadline.min(Instant::now() + self.timeout);
        let mut socket = TimedStream::connect(self.address, deadline)?;
        if let Some(proxy) = self.proxy
            && proxy.method == ProxyMethod::Tunnel
        {
            open_tunnel(&mut socket, proxy, &self.target.authority())?;
        }
        Ok(socket)
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

/// Returns the header line with the credentials for a proxy; empty where it has none.
pub(super) fn authorization_line(proxy: &ProxyRoute) -> String {
    let value = proxy.credentials().and_then(|value| value.to_str().ok());
    value.map_or_else(String::new, |value| {
        format!("Proxy-Authorization: {value}\r\n")
    })
}

/// Opens a tunnel through the proxy, and leaves the stream at its first byte.
fn open_tunnel(socket: &mut TimedStream, proxy: &ProxyRoute, authority: &str) -> io::Result<()> {
    let credentials = authorization_line(proxy);
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n");
    socket.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    // Byte by byte: what follows the head is the server's.
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    match HttpHead::parse(&head).map(|head| head.status) {
        Some(200..300) => Ok(()),
        Some(status) => Err(io::Error::other(TunnelRefusal { status })),
        None => Err(io::Error::other("the proxy does not speak HTTP/1.1")),
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
