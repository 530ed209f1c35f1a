//! The server of a service's own app: axum's, with the connections counted, and an end.
//!
//! `axum::serve` waits without a limit for connections that are open, and nothing outside of it can end one of
//! them. So each connection reads and writes through a stream of ours, which can be cut, and each request holds
//! a guard until its own body and its response's have ended.
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io;
    use std::pin::Pin;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use http_body::Body as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::sync::mpsc;

    use super::*;
    use crate::record::instruments::ApiInstruments;
    use crate::record::middleware::OperationalRoutes;
    use crate::record::series::Instruments;
    use crate::record::slo_events::SloEvents;

    const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

    /// A listener that accepts what a test gives it.
    struct Accepted(mpsc::UnboundedReceiver<DuplexStream>);

    impl Listener for Accepted {
        type Io = DuplexStream;
        type Addr = ();

        async fn accept(&mut self) -> (DuplexStream, ()) {
            match self.0.recv().await {
                Some(stream) => (stream, ()),
                None => std::future::pending().await,
            }
        }

        fn local_addr(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Reads a body of a known length.
    async fn read(mut body: Body) -> Vec<u8> {
        let mut read = Vec::new();
        while !body.is_end_stream() {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            read.extend(frame.unwrap().unwrap().into_data().unwrap());
        }
        read
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_is_answered_early_has_no_time_limit_and_is_in_flight() {
        let (done, mut uploads) = mpsc::unbounded_channel();
        let upload = move |body: Body| async move {
            tokio::spawn(async move { done.send(read(body).await) });
            "accepted"
        };
        let app = Router::new().route("/upload", post(upload));
        let api = ApiInstruments::new(&Instruments::noop(), &SloEvents::default());
        let connections = Connections::new(api);
        let (accept, accepted) = mpsc::unbounded_channel();
        let listener = AppListener::new(Accepted(accepted), connections.clone(), HEADER_TIMEOUT);
        let paths = OperationalPaths::new(OperationalRoutes::new([]), "/metrics");
        let maker = AppMaker::new(app, connections.clone(), paths);
        let _server = AppServer::start(listener, maker);
        let (mut client, stream) = duplex(1 << 10);
        accept.send(stream).unwrap();
        let head = b"POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 30\r\n\r\n";
        client.write_all(head).await.unwrap();
        let mut answer = [0; 256];
        let length = client.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"accepted"));
        for _ in 0..3 {
            assert_eq!((connections.in_flight(), connections.ended()), (1, 0));
            tokio::time::sleep(2 * HEADER_TIMEOUT).await;
            connections.cut_idle();
            client.write_all(b"ten bytes ").await.unwrap();
        }
        let upload = uploads.recv().await.unwrap();
        assert_eq!(upload, b"ten bytes ten bytes ten bytes ");
        assert_eq!((connections.in_flight(), connections.ended()), (0, 1));
        // What comes now is a head again.
        client.write_all(b"POST /up").await.unwrap();
        assert_eq!(client.read(&mut answer).await.unwrap(), 0, "it is given up");
    }
}
