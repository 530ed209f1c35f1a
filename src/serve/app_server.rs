//! The server of a service's own app: axum's, with the connections counted, and an end.
//!
//! `axum::serve` waits without a limit for connections that are open, and nothing outside of it can end one of
//! them. So each connection reads and writes through a stream of ours, which can be cut, and each request holds
//! a guard until its response's body ends.
//!
//! | limit | reason |
//! |---|---|
//! | a head that has begun must be complete within `http.header_timeout` | a client that holds half of it has no request |
//! | none for bodies, responses and idle connections | uploads, event streams and WebSockets take as long as they take |
//!
//! HTTP/2 is spoken where axum's feature `http2` is on, as with `axum::serve`.

mod connection;
mod listener;
mod service;
mod stream;

use std::convert::Infallible;
use std::fmt;
use std::future::IntoFuture as _;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::serve::Listener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::Service;

pub(crate) use connection::Connections;
pub(crate) use listener::AppListener;
pub(crate) use service::{AppMaker, OperationalPaths, RequestPolicy};

/// A running server. Dropped, it accepts no more, and its connections end with their requests.
#[derive(Debug)]
pub(crate) struct AppServer {
    /// Taken when it is to accept no more.
    accepting: Option<oneshot::Sender<Infallible>>,
    /// Ends with the last connection.
    task: JoinHandle<()>,
}

impl AppServer {
    /// Starts it in the current runtime.
    pub(crate) fn start<L, A>(listener: AppListener<L>, maker: AppMaker<A>) -> Self
    where
        L: Listener,
        L::Addr: Clone + fmt::Debug + Send + Sync,
        A: Service<Request, Error = Infallible> + Clone + Send + 'static,
        A::Response: IntoResponse,
        A::Future: Send,
    {
        let (accepting, closing) = oneshot::channel::<Infallible>();
        let server = axum::serve(listener, maker).with_graceful_shutdown(async move {
            // Nothing is sent: the sender that goes is the signal.
            let _ = closing.await;
        });
        let server = server.into_future();
        let task = tokio::spawn(async move {
            // It has no error, as its documentation says.
            let _ = server.await;
        });
        Self {
            accepting: Some(accepting),
            task,
        }
    }

    /// Accepts no more; idle connections are closed, and the others end with the requests on them.
    pub(crate) fn stop_accepting(&mut self) {
        self.accepting = None;
    }

    /// Resolves when the last connection has ended.
    pub(crate) async fn ended(&mut self) {
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }
}
