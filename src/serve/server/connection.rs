//! Runs one connection until it ends, or has to.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::{Builder, Connection};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tower::{BoxError, Service};

use super::activity::{Activity, EndReason};
use super::connections::Slot;
use super::limited_io::LimitedIo;
use super::limited_service::LimitedService;

/// The most bytes of a head, and of what is buffered of a response: four times what browsers and scrapers send,
/// and little enough for every connection to have them.
const MAX_BUFFER_BYTES: usize = 64 * 1_024;

/// The most fields of a head, as hyper has it.
const MAX_HEADERS: usize = 100;

/// Serves a connection by HTTP/1. With the end of `stop` it takes no further request.
///
/// HTTP/1 alone, whatever the service's other dependencies turn on in hyper: a scrape or a probe without TLS speaks
/// nothing else, and streams within a connection would need limits of their own.
pub(super) async fn serve_connection<I, S>(
    stream: I,
    slot: Slot,
    service: S,
    stop: impl Future<Output = ()>,
) -> EndReason
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    let activity = Arc::clone(slot.activity());
    let stream = TokioIo::new(LimitedIo::new(stream, slot));
    let service = LimitedService::new(service, Arc::clone(&activity));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .max_buf_size(MAX_BUFFER_BYTES)
        .max_headers(MAX_HEADERS);
    let connection = builder.serve_connection(stream, TowerToHyperService::new(service));
    let end = |connection: Pin<&mut _>| Connection::graceful_shutdown(connection);
    run(pin!(connection), end, &activity, pin!(stop)).await
}

/// Polls a connection, and ends it at its deadline, for another one, or between requests once `stop` resolves.
async fn run<C: Future>(
    mut connection: Pin<&mut C>,
    shut_down: impl Fn(Pin<&mut C>),
    activity: &Activity,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> EndReason {
    let mut evicted = pin!(activity.evicted());
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut is_stopping = false;
    let mut poll_deadline = move |context: &mut Context<'_>| {
        while let Some((deadline, reason)) = activity.deadline() {
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            // What was true when it was set may have changed: a task of the connection may have ended a request.
            if activity.deadline() == Some((deadline, reason)) {
                return Poll::Ready(reason);
            }
        }
        Poll::Pending
    };
    poll_fn(|context| {
        if evicted.as_mut().poll(context).is_ready() {
            return Poll::Ready(EndReason::Evicted);
        }
        if !is_stopping && stop.as_mut().poll(context).is_ready() {
            is_stopping = true;
            shut_down(connection.as_mut());
        }
        // Errors are the client's: it went away, or spoke something else.
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(activity.end_reason());
        }
        // hyper would wait for the end of half a head.
        if is_stopping && activity.is_waiting() {
            return Poll::Ready(EndReason::Stopped);
        }
        poll_deadline(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use axum::Router;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::{interval, sleep};

    use super::*;
    use crate::record::instruments::EndedConnections;
    use crate::record::series::Instruments;
    use crate::serve::server::connections::Connections;
    use crate::serve::server::limits::ConnectionLimits;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        header_timeout: Some(Duration::from_secs(10)),
        body_timeout: Some(Duration::from_secs(30)),
        write_timeout: Some(Duration::from_secs(20)),
        stall_timeout: None,
        idle_timeout: Some(Duration::from_secs(60)),
    };

    /// The client's side of a connection.
    struct Client {
        stream: DuplexStream,
        end: JoinHandle<EndReason>,
        stop: oneshot::Sender<()>,
        accepted: Instant,
    }

    impl Client {
        async fn connect() -> Self {
            let ended = EndedConnections::new(&Instruments::noop());
            let connections = Arc::new(Connections::new(1, None, ended));
            let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let slot = connections.admit(peer, LIMITS).await.slot;
            let slow = async || {
                sleep(Duration::from_secs(3_600)).await;
                "slow"
            };
            let router = Router::new()
                .route("/", get(async || "fine"))
                .route("/large", get(async || vec![b'x'; 1_000_000]))
                .route("/slow", get(slow))
                .route("/", post(async |body: String| body));
            let (stream, server) = duplex(1_024);
            let (stop, stopped) = oneshot::channel::<()>();
            let stop_at = async {
                let _ = stopped.await;
            };
            Self {
                stream,
                end: tokio::spawn(serve_connection(server, slot, router, stop_at)),
                stop,
                accepted: Instant::now(),
            }
        }

        async fn send(&mut self, text: &str) {
            self.stream.write_all(text.as_bytes()).await.unwrap();
        }

        /// The first bytes of an answer, which are all of a short one.
        async fn read(&mut self) -> String {
            let mut buffer = [0; 1_024];
            let count = self.stream.read(&mut buffer).await.unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        }

        /// The end, and the seconds from the accept to it.
        async fn end(self) -> (EndReason, f64) {
            let reason = self.end.await.unwrap();
            (reason, self.accepted.elapsed().as_secs_f64().round())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_ten_seconds_however_it_comes() {
        let silent = Client::connect().await;
        assert_eq!(silent.end().await, (EndReason::HeaderTimeout, 10.0));
        let mut trickling = Client::connect().await;
        let mut second = interval(Duration::from_secs(1));
        for byte in "GET / HTT".chars() {
            second.tick().await;
            trickling.send(&byte.to_string()).await;
        }
        assert_eq!(trickling.end().await, (EndReason::HeaderTimeout, 10.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_a_minute_for_the_next_request() {
        let mut client = Client::connect().await;
        sleep(Duration::from_secs(5)).await;
        client.send("GET / HTTP/1.1\r\n\r\n").await;
        assert!(client.read().await.ends_with("fine"));
        assert_eq!(client.end().await, (EndReason::IdleTimeout, 65.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_half_a_minute_and_its_client_is_told() {
        let mut client = Client::connect().await;
        client
            .send("POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n")
            .await;
        for _ in 0..29 {
            sleep(Duration::from_secs(1)).await;
            client.send("x").await;
        }
        assert!(client.read().await.starts_with("HTTP/1.1 408 "));
        // A second more, for a client that does not close its side.
        assert_eq!(client.end().await, (EndReason::BodyTimeout, 31.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_waits_twenty_seconds_for_its_client() {
        let mut unread = Client::connect().await;
        unread.send("GET /large HTTP/1.1\r\n\r\n").await;
        assert_eq!(unread.end().await, (EndReason::WriteTimeout, 20.0));
        let mut trickling = Client::connect().await;
        trickling.send("GET /large HTTP/1.1\r\n\r\n").await;
        for _ in 0..19 {
            sleep(Duration::from_secs(1)).await;
            trickling.read().await;
        }
        assert_eq!(trickling.end().await, (EndReason::WriteTimeout, 20.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_has_its_own_time() {
        let mut client = Client::connect().await;
        client
            .send("GET /slow HTTP/1.1\r\nconnection: close\r\n\r\n")
            .await;
        assert!(client.read().await.ends_with("slow"));
        drop(client.stream);
        assert_eq!(client.end.await.unwrap(), EndReason::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_what_waits_and_finishes_what_is_under_way() {
        let mut half = Client::connect().await;
        half.send("GET / HT").await;
        let mut idle = Client::connect().await;
        idle.send("GET / HTTP/1.1\r\n\r\n").await;
        idle.read().await;
        let mut busy = Client::connect().await;
        busy.send("GET /slow HTTP/1.1\r\n\r\n").await;
        sleep(Duration::from_secs(1)).await;
        for waiting in [half, idle] {
            waiting.stop.send(()).unwrap();
            let end = waiting.end.await.unwrap();
            assert!(
                matches!(end, EndReason::Stopped | EndReason::Closed),
                "{end:?}"
            );
            assert_eq!(waiting.accepted.elapsed().as_secs(), 1);
        }
        let Client {
            mut stream,
            end,
            stop,
            ..
        } = busy;
        stop.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("slow"), "{answer}");
        drop(stream);
        assert_ne!(end.await.unwrap(), EndReason::WriteTimeout);
    }
}
