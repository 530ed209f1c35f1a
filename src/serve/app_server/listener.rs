//! A listener that two servers can accept from, one after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::sync::Mutex;

use super::connection::Connections;
use super::stream::AppStream;

/// A listener whose connections are counted and can be cut. A cheap clone; it closes with the last one.
#[derive(Debug)]
pub(crate) struct AppListener<L> {
    listener: Arc<Mutex<L>>,
    connections: Connections,
    header_timeout: Duration,
}

impl<L> AppListener<L> {
    /// Returns a listener whose clients have `header_timeout` for the rest of a head that has begun.
    pub(crate) fn new(listener: L, connections: Connections, header_timeout: Duration) -> Self {
        Self {
            listener: Arc::new(Mutex::new(listener)),
            connections,
            header_timeout,
        }
    }
}

impl<L> Clone for AppListener<L> {
    fn clone(&self) -> Self {
        Self {
            listener: Arc::clone(&self.listener),
            connections: self.connections.clone(),
            header_timeout: self.header_timeout,
        }
    }
}

impl<L: Listener> Listener for AppListener<L> {
    type Io = AppStream<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.listener.lock().await.accept().await;
        let stream = AppStream::new(io, self.connections.open(), self.header_timeout);
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        let listener = self.listener.try_lock();
        let listener = listener.map_err(|_| io::Error::other("the listener is accepting"))?;
        listener.local_addr()
    }
}
