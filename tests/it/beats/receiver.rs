use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// The response of the receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReceiverResponse {
    Accepted,
    Status(StatusCode, Option<&'static str>),
    Never,
}

/// A beat that has arrived.
#[derive(Debug)]
pub(crate) struct ReceivedBeat {
    pub(crate) id: String,
    pub(crate) at: Instant,
    pub(crate) port: u16,
    pub(crate) authorization: String,
    pub(crate) body: serde_json::Value,
}

impl ReceivedBeat {
    pub(crate) fn sequence(&self) -> u64 {
        self.body["sequence"].as_u64().unwrap()
    }
}

/// A receiver that records beats, on a thread of its own.
pub(crate) struct Receiver {
    address: SocketAddr,
    beats: Inbox<ReceivedBeat>,
    state: ReceiverState,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Clone)]
struct ReceiverState {
    response: Arc<Mutex<ReceiverResponse>>,
    beats_sender: Sender<ReceivedBeat>,
    in_flight: Arc<AtomicUsize>,
    max_in_flight: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (beats_sender, beats) = channel();
        let state = ReceiverState {
            response: Arc::new(Mutex::new(ReceiverResponse::Accepted)),
            beats_sender,
            in_flight: Arc::default(),
            max_in_flight: Arc::default(),
        };
        let app = Router::new()
            .route("/api/v1/workers/{id}/heartbeat", post(receive))
            .with_state(state.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await
        });
        Self {
            address,
            beats,
            state,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn respond_with(&self, response: ReceiverResponse) {
        *self.state.response.lock().unwrap() = response;
    }

    /// The next beat, which must come.
    pub(crate) fn next(&self) -> ReceivedBeat {
        self.beats.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// One that is there already.
    pub(crate) fn try_next(&self) -> Option<ReceivedBeat> {
        self.beats.try_recv().ok()
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.state.max_in_flight.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Also in a test that is asynchronous itself.
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// Counts a request for as long as it is open.
struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn receive(
    State(state): State<ReceiverState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let in_flight = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    state.max_in_flight.fetch_max(in_flight, Ordering::SeqCst);
    let _guard = InFlightGuard(Arc::clone(&state.in_flight));
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let _ = state.beats_sender.send(ReceivedBeat {
        id,
        at: Instant::now(),
        port: peer.port(),
        authorization: text(AUTHORIZATION).unwrap_or_default().to_owned(),
        body: serde_json::from_str(&body).unwrap(),
    });
    let response = *state.response.lock().unwrap();
    match response {
        ReceiverResponse::Accepted => StatusCode::ACCEPTED.into_response(),
        ReceiverResponse::Status(status, None) => status.into_response(),
        ReceiverResponse::Status(status, Some(after)) => {
            (status, [(RETRY_AFTER, after)]).into_response()
        }
        ReceiverResponse::Never => std::future::pending().await,
    }
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
