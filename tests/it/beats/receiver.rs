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

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Taken,
    Status(StatusCode, Option<&'static str>),
    Never,
}

/// A beat that has arrived.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) id: String,
    pub(crate) at: Instant,
    pub(crate) port: u16,
    pub(crate) authorization: String,
    pub(crate) body: serde_json::Value,
}

impl Arrival {
    pub(crate) fn sequence(&self) -> u64 {
        self.body["sequence"].as_u64().unwrap()
    }
}

/// Somebody who takes beats and keeps them, on a thread of its own.
pub(crate) struct Receiver {
    address: SocketAddr,
    arrivals: Inbox<Arrival>,
    shared: Shared,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Mutex<Answer>>,
    arrived: Sender<Arrival>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (arrived, arrivals) = channel();
        let shared = Shared {
            answer: Arc::new(Mutex::new(Answer::Taken)),
            arrived,
            now: Arc::default(),
            most: Arc::default(),
        };
        let app = Router::new()
            .route("/api/v1/workers/{id}/heartbeat", post(take))
            .with_state(shared.clone())
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
            arrivals,
            shared,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// The next beat, which must come.
    pub(crate) fn next(&self) -> Arrival {
        self.arrivals.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// One that is there already.
    pub(crate) fn try_next(&self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Also in a test that is asynchronous itself.
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// Counts a request for as long as it is open.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn take(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most.fetch_max(now, Ordering::SeqCst);
    let _open = Open(Arc::clone(&shared.now));
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let _ = shared.arrived.send(Arrival {
        id,
        at: Instant::now(),
        port: peer.port(),
        authorization: text(AUTHORIZATION).unwrap_or_default().to_owned(),
        body: serde_json::from_str(&body).unwrap(),
    });
    let answer = *shared.answer.lock().unwrap();
    match answer {
        Answer::Taken => StatusCode::ACCEPTED.into_response(),
        Answer::Status(status, None) => status.into_response(),
        Answer::Status(status, Some(after)) => (status, [(RETRY_AFTER, after)]).into_response(),
        Answer::Never => std::future::pending().await,
    }
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
