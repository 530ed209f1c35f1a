//! Serves a listener until it is told to end, and then for as long as its requests may take.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::Router;
use tokio::net::TcpSocket;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::acceptor::Acceptor;
use super::connection::serve_connection;
use super::connections::Connections;
use super::limits::ConnectionLimits;
use super::with_peer::WithPeer;
use crate::background::thread::{DEFAULT_BLOCKING_THREADS, RuntimeGuard, Stopped};
use crate::background::{Supervisor, ThreadStatus};

/// The bytes that the kernel keeps of what a client doesn't read; it takes twice as many. Left to itself it takes up
/// to 4 MB for each client, which count against the memory of a container.
const SEND_BUFFER_BYTES: u32 = 128 * 1_024;

/// The connections that may wait to be accepted, as most systems cap it.
const BACKLOG: u32 = 4_096;

/// A server on a thread and runtime of its own. It ends at once when this is dropped.
#[derive(Debug)]
pub(crate) struct RunningServer {
    address: SocketAddr,
    /// The moment at which requests under way are given up; `None` until the server is to end.
    end: watch::Sender<Option<Instant>>,
    _guard: RuntimeGuard,
}

impl RunningServer {
    /// Serves a router at an address.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or the supervisor has stopped. A thread that is refused is started
    /// later.
    pub(crate) fn start(
        address: SocketAddr,
        router: Router,
        connections: Arc<Connections>,
        limits: ConnectionLimits,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let socket = bind(address)?;
        let (end, ending) = watch::channel(None);
        let (hand_over, listener) = oneshot::channel();
        let (mut handed_over, mut port) = (Some(listener), None);
        let log = supervisor.log_queue().clone();
        let serve = async move |stopped: &Stopped, thread: &ThreadStatus| {
            thread.record_round();
            let serving = async {
                if let Some(listener) = handed_over.take() {
                    port = listener.await.ok().map(Arc::new);
                }
                // Kept beside the acceptor, so that the port stays open for the next round if this one panics.
                let Some(listener) = port.clone() else {
                    return;
                };
                let connections = Arc::clone(&connections);
                let acceptor = Acceptor::new(listener, connections, limits, log.clone());
                let (tasks, deadline) = accept(acceptor, &router, ending.clone()).await;
                // The port is free from here on.
                port = None;
                finish(tasks, deadline).await;
            };
            stopped.or(serving).await;
        };
        let guard = supervisor.run("vantage-http", DEFAULT_BLOCKING_THREADS, serve)?;
        // On the caller's thread, so that a port that is taken is an error of this call and no log line later; of
        // the runtime that serves it.
        let listener = {
            let _entered = guard.handle().enter();
            socket.listen(BACKLOG)?
        };
        let address = listener.local_addr()?;
        // The other end is on the thread, which waits for it.
        let _ = hand_over.send(listener);
        Ok(Self {
            address,
            end,
            _guard: guard,
        })
    }

    /// Returns the real address, also where port 0 was asked for.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port, and connections without a request; gives up requests that are under way at the deadline.
    pub(crate) fn begin_close(&self, deadline: Instant) {
        self.end.send_replace(Some(deadline));
    }

    /// Waits for the end of all connections.
    pub(crate) async fn closed(&self) {
        self.end.closed().await;
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As the standard library does: connections of the last process don't keep its port. Elsewhere it would let
    // two processes have one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections until the server is told to end. Returns those that are open then, and the deadline.
async fn accept(
    mut acceptor: Acceptor,
    router: &Router,
    ending: watch::Receiver<Option<Instant>>,
) -> (JoinSet<()>, Instant) {
    let mut tasks = JoinSet::new();
    let mut end = pin!(told_to_end(ending.clone()));
    let deadline = loop {
        let (stream, peer, slot) = {
            let mut accepted = pin!(acceptor.accept());
            let next = poll_fn(|context| match end.as_mut().poll(context) {
                Poll::Ready(deadline) => Poll::Ready(Err(deadline)),
                Poll::Pending => accepted.as_mut().poll(context).map(Ok),
            });
            match next.await {
                Ok(accepted) => accepted,
                Err(deadline) => break deadline,
            }
        };
        // The end of a response need not wait for the client's word on what came before.
        let _ = stream.set_nodelay(true);
        let (router, ending) = (WithPeer::new(router.clone(), peer), ending.clone());
        let connections = Arc::clone(acceptor.connections());
        tasks.spawn(async move {
            let stop = async {
                told_to_end(ending).await;
            };
            let reason = serve_connection(stream, slot, router, stop).await;
            connections.record_end(reason);
        });
        // Those that have ended, which the set would keep.
        while tasks.try_join_next().is_some() {}
    };
    (tasks, deadline)
}

/// Waits for the end of all connections, at most until the deadline.
async fn finish(mut tasks: JoinSet<()>, deadline: Instant) {
    let mut over = pin!(sleep_until(deadline.into()));
    poll_fn(|context| {
        loop {
            match tasks.poll_join_next(context) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return over.as_mut().poll(context),
            }
        }
    })
    .await;
}

/// Resolves to the deadline of the end; a server that nobody holds ends now.
async fn told_to_end(mut ending: watch::Receiver<Option<Instant>>) -> Instant {
    let told = ending.wait_for(Option::is_some).await;
    told.ok()
        .and_then(|deadline| *deadline)
        .unwrap_or_else(Instant::now)
}
