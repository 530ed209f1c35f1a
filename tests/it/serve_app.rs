//! `serve_app` over real sockets: what runs, what ends, and what is told of it.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tower::Layer as _;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, LastScrape, ServeReport, StopCause, Telemetry};

use crate::support::{OBJECTIVES, config};

/// No test waits so long, unless it fails.
const LIMIT: Duration = Duration::from_secs(30);

/// An app that is served, and the sender that stops it.
struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    report: JoinHandle<ServeReport>,
}

impl Served {
    async fn start(telemetry: &Telemetry, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = telemetry.serve_app(listener, app).until(async {
            let _ = stopped.await;
        });
        Self {
            address,
            stop: Some(stop),
            report: tokio::spawn(async { serving.await.unwrap() }),
        }
    }

    fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Stops it, and waits until health says so.
    async fn drain(&mut self, telemetry: &Telemetry) {
        self.stop();
        within("it drains", async {
            while telemetry.is_ready() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn report(self) -> ServeReport {
        within("it ends", self.report).await.unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request on a connection of its own, and returns all that is answered.
    async fn get(&self, path: &str) -> std::io::Result<String> {
        get_at(self.address, path).await
    }

    async fn eventually_refused(&self) {
        within("connections are refused", async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn get_at(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(LIMIT, future).await;
    output.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Sends a request that keeps its connection.
async fn send(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Reads until a text was read.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    within(end, async {
        while !String::from_utf8_lossy(&answer).contains(end) {
            let read = stream.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        }
    })
    .await;
    String::from_utf8(answer).unwrap()
}

/// Reads to the end of the connection, in whatever way it ends.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = within("it is closed", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Telemetry that is ready.
fn ready_with(config: Config) -> TestTelemetry {
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    test.telemetry().started();
    test.tick();
    test
}

/// An app with a request that waits for a release, and one that never ends.
fn slow_app(telemetry: &Telemetry, release: &Arc<Notify>) -> Router {
    let release = Arc::clone(release);
    let slow = move || {
        let release = Arc::clone(&release);
        async move {
            release.notified().await;
            "finished"
        }
    };
    Router::new()
        .route("/slow", get(slow))
        .route("/quick", get(|| async { "a post" }))
        .route("/never", get(|| async { pending::<()>().await }))
        .layer(telemetry.http_layer())
        .merge(telemetry.routes())
}

/// Waits until so many requests to the API are active.
async fn until_active(test: &TestTelemetry, requests: f64) {
    let labels = [("http_request_method", "GET"), ("url_scheme", "http")];
    within("the requests are active", async {
        while test.value("http_server_active_requests", &labels) != Some(requests) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_request_is_finished_and_a_connection_is_refused_meanwhile() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    served.eventually_refused().await;
    release.notify_one();
    let answer = read_to_end(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("connection: close") && answer.ends_with("finished"));
    let report = served.report().await;
    assert_eq!(report.cut_off, 0);
    assert_eq!(report.cause, StopCause::Requested);
    assert_eq!(report.last_scrape, LastScrape::NotAwaited);
    assert!(report.is_complete() && report.flush.is_some());
    assert!(
        telemetry
            .scrape(vantage_obs::ExpositionFormat::Text)
            .is_none()
    );
}

#[tokio::test]
async fn half_a_head_and_a_client_that_sends_nothing_hold_nothing_up() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
    let mut open = Vec::new();
    for bytes in [
        &b"GET / HT"[..],
        b"",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /quick HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\n",
    ] {
        let mut stream = served.connect().await;
        stream.write_all(bytes).await.unwrap();
        open.push(stream);
    }
    // An idle connection of an earlier request.
    let mut idle = served.connect().await;
    send(&mut idle, "/quick").await;
    read_until(&mut idle, "a post").await;
    served.stop();
    let report = served.report().await;
    assert_eq!(report.cut_off, 0, "{report}");
    // Half of `http.shutdown_timeout`, at most.
    assert!(report.took < Duration::from_millis(2_500), "{report}");
    assert_eq!(read_to_end(&mut idle).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_as_soon_as_no_request_is_begun_any_more() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
    let mut hanging = served.connect().await;
    send(&mut hanging, "/never").await;
    until_active(&test, 1.0).await;
    let mut idle = served.connect().await;
    send(&mut idle, "/quick").await;
    read_until(&mut idle, "a post").await;
    served.stop();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(!served.report.is_finished(), "a request is in flight");
}

#[tokio::test]
async fn requests_that_take_longer_than_the_deadline_are_cut_off_and_counted() {
    let mut config = config();
    config.http.shutdown_timeout = Duration::from_millis(200);
    let test = TestTelemetry::with_config(config, &OBJECTIVES).unwrap();
    test.telemetry().started();
    test.tick();
    let telemetry = test.telemetry();
    let endless = || async { Response::new(endless_events()) };
    let events = Router::new().route("/events", get(endless));
    let events = events.layer(telemetry.http_layer());
    let app = slow_app(telemetry, &Arc::default()).merge(events);
    let mut served = Served::start(telemetry, app).await;
    let mut never = served.connect().await;
    send(&mut never, "/never").await;
    let mut events = served.connect().await;
    send(&mut events, "/events").await;
    read_until(&mut events, "event").await;
    until_active(&test, 2.0).await;
    served.stop();
    let answer = read_to_end(&mut never).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("connection: close"));
    let begun = read_to_end(&mut events).await;
    assert!(!begun.ends_with("0\r\n\r\n"), "it is not complete: {begun}");
    let report = served.report().await;
    for name in ["GET /never", "GET /events"] {
        assert_eq!(test.span(name).attribute("error.type"), Some("shutdown"));
    }
    // The events had begun to be sent.
    test.assert_events("api.error_rate", 1, 1);
    assert_eq!((report.finished, report.cut_off), (0, 2), "{report}");
    assert!(!report.is_complete());
    let text = report.to_string();
    assert!(text.starts_with("stopped by request in "), "{text}");
    assert!(text.contains(": 0 requests finished, 2 cut off; no scrape was awaited; "));
}

/// A body of one event that never ends.
fn endless_events() -> Body {
    struct Events(bool);
    impl http_body::Body for Events {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
            if std::mem::replace(&mut self.0, true) {
                return std::task::Poll::Pending;
            }
            let event = bytes::Bytes::from_static(b"data: event\n\n");
            std::task::Poll::Ready(Some(Ok(http_body::Frame::data(event))))
        }
    }
    Body::new(Events(false))
}

#[tokio::test]
async fn a_scrape_during_the_drain_and_one_at_its_end_see_every_request() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    let count = |text: &str, route: &str| {
        let labels = format!("http_route=\"{route}\"");
        let mut lines = text.lines();
        let line = lines
            .find(|line| line.starts_with("vantage_api_requests_total{") && line.contains(&labels));
        line.map(|line| line.rsplit(' ').next().unwrap().to_owned())
    };
    assert_eq!(count(&served.get("/metrics").await.unwrap(), "/slow"), None);
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    until_finishing(&served).await;
    let refused = served.get("/quick").await.unwrap().to_lowercase();
    assert!(refused.starts_with("http/1.1 503"), "{refused}");
    for header in [
        "connection: close",
        "retry-after: 1",
        "cache-control: no-store",
    ] {
        assert!(refused.contains(header), "{refused}");
    }
    let ready = served.get("/api/v1/health/ready").await.unwrap();
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""ready":false"#));
    let during = served.get("/metrics").await.unwrap();
    assert_eq!(count(&during, "/slow"), None);
    release.notify_one();
    assert!(read_to_end(&mut slow).await.ends_with("finished"));
    let last = served.get("/metrics").await.unwrap();
    assert_eq!(count(&last, "/slow").as_deref(), Some("1"));
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
    assert_eq!(report.cut_off, 0);
    assert!(report.took < LIMIT, "it was not waited for anything else");
}

/// Waits until only the SDK's own routes are answered.
async fn until_finishing(served: &Served) {
    within("no other request is begun", async {
        // Until the second server has taken over.
        while served
            .get("/quick")
            .await
            .is_ok_and(|answer| !answer.starts_with("HTTP/1.1 503"))
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn routes_of_the_sdk_with_a_parameter_are_answered_while_requests_finish() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let _worker = telemetry.worker("w1");
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    served.get("/metrics").await.unwrap();
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    until_finishing(&served).await;
    for (path, status) in [
        ("/api/v1/workers/w1/heartbeat", 200),
        ("/api/v1/health/check/db", 401),
        ("/api/v1/health/check/db/", 401),
        ("/status/incidents/7", 404),
        ("/posts/w1/heartbeat", 503),
    ] {
        let answer = served.get(path).await.unwrap();
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{path}: {answer}");
    }
    release.notify_one();
    read_to_end(&mut slow).await;
    served.get("/metrics").await.unwrap();
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
}

#[tokio::test]
async fn requests_to_routes_with_a_parameter_are_none_of_the_service() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
    served.get("/metrics").await.unwrap();
    served.get("/api/v1/workers/w1/heartbeat").await.unwrap();
    served.stop();
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::NotAwaited, "{report}");
}

#[tokio::test]
async fn a_scrape_at_the_path_with_a_slash_is_one_of_this_port() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    served.get("/metrics/").await.unwrap();
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    until_finishing(&served).await;
    let during = served.get("/metrics/").await.unwrap();
    assert!(during.starts_with("HTTP/1.1 200"), "{during}");
    release.notify_one();
    read_to_end(&mut slow).await;
    served.get("/metrics/").await.unwrap();
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_makes_no_scrape_a_missed_one() {
    let mut config = config();
    config.http.shutdown_timeout = Duration::from_millis(200);
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let endless = || async { Response::new(endless_events()) };
    let app = slow_app(telemetry, &Arc::default()).route("/events", get(endless));
    let mut served = Served::start(telemetry, app).await;
    let mut events = served.connect().await;
    send(&mut events, "/events").await;
    read_until(&mut events, "event").await;
    served.get("/quick").await.unwrap();
    served.get("/metrics").await.unwrap();
    served.stop();
    let report = served.report().await;
    assert_eq!(report.cut_off, 1, "{report}");
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_is_pushed_while_a_request_takes_its_time() {
    use crate::otlp::receiver::{Behaviour, Receiver};
    use crate::otlp::{config, start};
    use vantage_obs::config::{Protocol, TelemetrySignal};

    let receiver = Receiver::start(Behaviour::Accept);
    let mut config = config(&receiver.endpoint(), Protocol::HttpProtobuf);
    config.http.shutdown_timeout = LIMIT;
    config.metrics.otlp.enabled = true;
    // Only a flush is earlier.
    config.metrics.otlp.interval = Duration::from_secs(3_600);
    let telemetry = start(config);
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (notified, released) = (Arc::clone(&begun), Arc::clone(&release));
    let slow = move || async move {
        notified.notify_one();
        released.notified().await;
    };
    let app = Router::new().route("/slow", get(slow));
    let mut served = Served::start(&telemetry, app).await;
    let mut stream = served.connect().await;
    send(&mut stream, "/slow").await;
    begun.notified().await;
    served.stop();
    within("metrics are pushed", async {
        while receiver.count(TelemetrySignal::Metrics) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!served.report.is_finished(), "a request is in flight");
    release.notify_one();
    assert_eq!(served.report().await.cut_off, 0);
}

#[tokio::test]
async fn a_request_that_began_before_the_stop_and_is_answered_in_the_delay_closes_its_connection() {
    let mut config = config();
    config.health.shutdown_delay = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    release.notify_one();
    let answer = read_until(&mut slow, "finished").await;
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_scrape_that_does_not_come_is_awaited_until_the_deadline() {
    let mut config = config();
    config.http.shutdown_timeout = Duration::from_millis(200);
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
    served.get("/metrics").await.unwrap();
    served.get("/quick").await.unwrap();
    served.stop();
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Missed);
    assert!(report.took >= Duration::from_millis(200));
    assert!(report.is_complete(), "a scraper that is gone is no failure");
}

#[tokio::test]
async fn no_scrape_is_awaited_where_the_last_one_has_shown_everything() {
    let mut config = config();
    config.http.shutdown_timeout = Duration::from_secs(3_600);
    for (paths, expected) in [
        (&["/metrics"][..], LastScrape::NotAwaited),
        (&["/quick", "/metrics"], LastScrape::Answered),
        (&["/quick"], LastScrape::NotAwaited),
    ] {
        let test = ready_with(config.clone());
        let telemetry = test.telemetry();
        let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
        for path in paths {
            served.get(path).await.unwrap();
        }
        served.stop();
        let report = served.report().await;
        assert_eq!(report.last_scrape, expected, "{paths:?}: {report}");
    }
}

#[tokio::test]
async fn where_another_port_is_scraped_this_one_closes_and_the_last_scrape_is_awaited_there() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let scraped = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    let release = Arc::new(Notify::new());
    let mut served = Served::start(telemetry, slow_app(telemetry, &release)).await;
    get_at(scraped, "/metrics").await.unwrap();
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    served.stop();
    served.eventually_refused().await;
    release.notify_one();
    assert!(read_to_end(&mut slow).await.ends_with("finished"));
    let last = get_at(scraped, "/metrics").await.unwrap();
    assert!(last.contains("http_route=\"/slow\""));
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
    assert!(report.took < LIMIT, "{report}");
}

#[tokio::test]
async fn everything_is_served_during_the_delay_and_each_answer_closes_its_connection() {
    let mut config = config();
    config.health.shutdown_delay = Duration::from_millis(300);
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let mut served = Served::start(telemetry, slow_app(telemetry, &Arc::default())).await;
    let mut kept = served.connect().await;
    send(&mut kept, "/quick").await;
    read_until(&mut kept, "a post").await;
    served.drain(telemetry).await;
    send(&mut kept, "/quick").await;
    let answer = read_to_end(&mut kept).await;
    assert!(answer.contains("connection: close") && answer.ends_with("a post"));
    assert!(served.get("/quick").await.unwrap().ends_with("a post"));
    let report = served.report().await;
    assert_eq!((report.finished, report.cut_off), (2, 0));
    assert!(report.took >= Duration::from_millis(300), "{report}");
}

/// Switches to a protocol in which the server says a word when it is told to.
fn upgrade(mut request: Request, speak: Arc<Notify>) -> Response {
    let upgraded = request
        .extensions_mut()
        .remove::<hyper::upgrade::OnUpgrade>();
    tokio::spawn(async move {
        let mut socket = upgraded.unwrap().await.unwrap();
        speak.notified().await;
        let write = |cx: &mut std::task::Context<'_>| {
            let socket = std::pin::Pin::new(&mut socket);
            hyper::rt::Write::poll_write(socket, cx, b"a word")
        };
        std::future::poll_fn(write).await.unwrap();
        pending::<()>().await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("word"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

/// Opens a connection and switches its protocol.
async fn open_socket(served: &Served) -> TcpStream {
    let mut socket = served.connect().await;
    let head = "GET /socket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: word\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut socket, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    socket
}

#[tokio::test]
async fn an_upgraded_connection_is_open_while_requests_finish() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let (speak, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let spoken = Arc::clone(&speak);
    let upgrade = move |request: Request| async move { upgrade(request, spoken) };
    let app = slow_app(telemetry, &release).route("/socket", get(upgrade));
    let mut served = Served::start(telemetry, app).await;
    let mut slow = served.connect().await;
    send(&mut slow, "/slow").await;
    until_active(&test, 1.0).await;
    let mut socket = open_socket(&served).await;
    // Half a head: of what is idle it is cut, and not closed by the server's own end.
    let mut idle = served.connect().await;
    idle.write_all(b"GET / HT").await.unwrap();
    served.stop();
    assert_eq!(read_to_end(&mut idle).await, "");
    speak.notify_one();
    read_until(&mut socket, "a word").await;
    release.notify_one();
    assert!(read_to_end(&mut slow).await.ends_with("finished"));
    assert_eq!(served.report().await.cut_off, 0);
}

#[tokio::test]
async fn an_upgraded_connection_is_counted_and_holds_nothing_up() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let upgrade = |request: Request| async move { upgrade(request, Arc::default()) };
    let app = slow_app(telemetry, &Arc::default()).route("/socket", get(upgrade));
    let mut served = Served::start(telemetry, app).await;
    let _socket = open_socket(&served).await;
    let open = || test.value("vantage_api_active_connections", &[]);
    within("it is open", async {
        while open() != Some(1.0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    served.stop();
    let report = served.report().await;
    assert_eq!(report.cut_off, 0, "{report}");
    assert!(report.took < Duration::from_millis(2_500), "{report}");
}

#[tokio::test]
async fn handlers_find_the_address_of_their_client_also_behind_a_layer_around_the_router() {
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let app = Router::new().route("/peer", get(peer));
    // As a layer that rewrites paths must stand around a whole router.
    let app = tower::util::MapRequestLayer::new(|mut request: Request| {
        *request.uri_mut() = "/peer".parse().unwrap();
        request
    })
    .layer(app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = telemetry.serve_app(listener, app).until(async {
        let _ = stopped.await;
    });
    let serving = tokio::spawn(async { serving.await.unwrap() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    send(&mut stream, "/elsewhere").await;
    read_until(&mut stream, &own).await;
    assert_eq!(test.value("vantage_api_active_connections", &[]), Some(1.0));
    stop.send(()).unwrap();
    within("it ends", serving).await.unwrap();
}

#[tokio::test]
async fn a_large_upload_and_a_large_answer_go_through_whole() {
    const BYTES: usize = 8 << 20;
    let test = ready_with(config());
    let telemetry = test.telemetry();
    let length = |body: Body| async move {
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Json(body.len())
    };
    let app = Router::new()
        .route("/upload", post(length))
        .route("/download", get(|| async { vec![b'x'; BYTES] }));
    let app = app.layer(telemetry.http_layer());
    let mut served = Served::start(telemetry, app).await;
    let mut upload = served.connect().await;
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: {BYTES}\r\nconnection: close\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&vec![b'x'; BYTES]).await.unwrap();
    assert!(read_to_end(&mut upload).await.ends_with(&BYTES.to_string()));
    // Asked for before the stop, and read after it.
    let mut download = served.connect().await;
    send(&mut download, "/download").await;
    read_until(&mut download, "xxx").await;
    served.stop();
    let answer = read_to_end(&mut download).await;
    assert!(answer.len() + 1_000_000 > BYTES, "{}", answer.len());
    let report = served.report().await;
    assert_eq!(report.cut_off, 0, "{report}");
}

#[tokio::test]
async fn the_scrape_of_a_nested_app_is_answered_while_requests_finish_and_ends_the_stop() {
    let mut config = config();
    config.http.shutdown_timeout = LIMIT;
    let test = ready_with(config);
    let telemetry = test.telemetry();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let slow = move || {
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            "finished"
        }
    };
    // A wildcard, so that each of our routes stands where the service has one.
    let shop = Router::new()
        .route("/slow", get(slow))
        .route("/{*path}", get(|| async { "a page" }));
    let app = Router::new()
        .nest("/shop", telemetry.mount(shop))
        .route("/quick", get(|| async { "quick" }));
    let mut served = Served::start(telemetry, app).await;
    let scrape = served.get("/shop/metrics").await.unwrap();
    assert!(scrape.starts_with("HTTP/1.1 200"), "{scrape}");
    let mut request = served.connect().await;
    send(&mut request, "/shop/slow").await;
    until_active(&test, 1.0).await;
    served.drain(telemetry).await;
    until_finishing(&served).await;
    for path in ["/shop/metrics", "/shop/metrics"] {
        let during = served.get(path).await.unwrap();
        assert!(during.starts_with("HTTP/1.1 200"), "{during}");
    }
    release.notify_one();
    assert!(read_to_end(&mut request).await.ends_with("finished"));
    let last = served.get("/shop/metrics").await.unwrap();
    assert!(last.contains(r#"http_route="/shop/slow""#), "{last}");
    let report = served.report().await;
    assert_eq!(report.last_scrape, LastScrape::Answered, "{report}");
    assert_eq!(report.cut_off, 0);
    assert!(report.took < LIMIT);
}

#[tokio::test]
async fn a_worker_waits_for_a_scrape_that_shows_its_last_job() {
    let mut config = config();
    config.http.shutdown_timeout = Duration::from_millis(100);
    let test = ready_with(config);
    let telemetry = test.telemetry().clone();
    assert_eq!(telemetry.last_scrape().await, LastScrape::NotAwaited);
    let served = Served::start(&telemetry, Router::new().merge(telemetry.routes())).await;
    served.get("/metrics").await.unwrap();
    let missed = telemetry.last_scrape().await;
    assert_eq!(missed, LastScrape::Missed, "what came before shows nothing");
    let waiting = tokio::spawn(async move { telemetry.last_scrape().await });
    tokio::task::yield_now().await;
    served.get("/metrics").await.unwrap();
    assert_eq!(waiting.await.unwrap(), LastScrape::Answered);
}
