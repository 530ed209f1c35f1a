//! Name resolution and connections, within time limits.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The time limit of one connection, or one name. A healthy network answers a hundred times faster.
/// Four of them fit into the time limit of the whole.
pub(super) const IO_TIMEOUT: Duration = Duration::from_secs(3);

/// Resolves the addresses of a host, in the system's order. The system's resolver can't be given a limit, so
/// it is left behind where it takes too long.
pub(super) fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    thread::Builder::new().spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(Iterator::collect));
    })?;
    let found: io::Result<Vec<_>> = receiver
        // The thread ends by itself when the resolver gives up; the process may have ended before.
        .recv_timeout(remaining(deadline)?)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    found
}

/// Returns the time that one operation may take.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    if remaining.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(remaining.min(IO_TIMEOUT))
}

/// A connection whose reads and writes together end in time, however slowly bytes trickle in.
#[derive(Debug)]
pub(super) struct TimedStream {
    socket: TcpStream,
    deadline: Instant,
}

impl TimedStream {
    pub(super) fn connect(address: SocketAddr, deadline: Instant) -> io::Result<Self> {
        let limit = remaining(deadline)?;
        let socket = TcpStream::connect_timeout(&address, limit)?;
        // A request of a few bytes would wait for the acknowledgement of the one before.
        socket.set_nodelay(true)?;
        let until = Instant::now() + IO_TIMEOUT;
        Ok(Self {
            socket,
            deadline: until.min(deadline),
        })
    }
}

impl Read for TimedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket
            // Set anew for each read: the time that is left shrinks.
            .set_read_timeout(Some(remaining(self.deadline)?))?;
        self.socket.read(into).map_err(map_would_block)
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .set_write_timeout(Some(remaining(self.deadline)?))?;
        self.socket.write(bytes).map_err(map_would_block)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Maps Unix's "would block" to a timeout, which it is here.
fn map_would_block(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
