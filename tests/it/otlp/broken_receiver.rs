//! Receivers that don't get as far as HTTP.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// An address with something wrong behind it, for as long as this lives.
pub(crate) struct BrokenReceiver {
    address: SocketAddr,
    _keep: Keep,
}

enum Keep {
    Nothing,
    Listener { _listener: TcpListener },
    Full(Option<Runtime>),
}

impl BrokenReceiver {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nothing listens there.
    pub(crate) fn refuses() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            _keep: Keep::Nothing,
        }
    }

    /// The system takes connections; nobody ever reads them.
    pub(crate) fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            _keep: Keep::Listener {
                _listener: listener,
            },
        }
    }

    /// The backlog is full, so that no connection is ever completed, as behind a firewall that
    /// drops packets.
    pub(crate) fn never_connects() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (filled, address) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let mut kept = Vec::new();
            // On loopback a connection that isn't there within 100 ms won't ever be.
            while let Ok(connected) =
                tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
            {
                kept.push(connected.unwrap());
                assert!(kept.len() < 20, "the backlog never fills");
            }
            filled.send(address).unwrap();
            std::future::pending::<()>().await;
            drop((listener, kept));
        });
        Self {
            address: address.recv().unwrap(),
            _keep: Keep::Full(Some(runtime)),
        }
    }

    /// Answers with bytes that are no protocol.
    pub(crate) fn garbage() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Ends with the process.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else {
                    continue;
                };
                let _ = connection.read(&mut [0; 1024]);
                let _ = connection.write_all(&[0xba; 4096]);
            }
        });
        Self {
            address,
            _keep: Keep::Nothing,
        }
    }

    /// Stays silent on its first connection, as if a cable was cut, and passes every later one on
    /// to a receiver that works.
    pub(crate) fn half_open(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let _first = listener.accept().await.unwrap();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(behind).await.unwrap();
                tokio::spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self {
            address,
            _keep: Keep::Full(Some(runtime)),
        }
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        if let Self::Full(runtime) = self
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for BrokenReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broken").field(&self.address).finish()
    }
}
