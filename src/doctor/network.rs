//! Names and connections, within limits of time.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// One connection, or one name. A healthy network answers a hundred times faster.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The addresses of a host, in the system's order. The system's resolver can't be given a limit, so
/// it is left behind where it takes too long.
pub(super) fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (done, answer) = mpsc::channel();
    let host = host.to_owned();
    thread::Builder::new().spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let _ = done.send(found.map(Iterator::collect));
    })?;
    let found: io::Result<Vec<_>> = answer
        .recv_timeout(left(deadline)?)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    found
}

/// The time that one operation may take.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left.min(PATIENCE))
}

/// A connection whose reads and writes together end in time, however slowly bytes trickle in.
#[derive(Debug)]
pub(super) struct Timed {
    socket: TcpStream,
    until: Instant,
}

impl Timed {
    pub(super) fn connect(address: SocketAddr, deadline: Instant) -> io::Result<Self> {
        let left = left(deadline)?;
        let socket = TcpStream::connect_timeout(&address, left)?;
        socket.set_nodelay(true)?;
        let until = Instant::now() + PATIENCE;
        Ok(Self {
            socket,
            until: until.min(deadline),
        })
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.until)?))?;
        self.socket.read(into).map_err(plain)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.until)?))?;
        self.socket.write(bytes).map_err(plain)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// What Unix calls "would block" is a limit that ran out.
fn plain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
