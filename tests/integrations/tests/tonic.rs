//! A server and a client of tonic, by HTTP/2 over loopback: what both sides record of the same calls.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;
use tower::ServiceBuilder;
use vantage_obs::instruments::ServerName;
use vantage_obs::testing::TestTelemetry;

use crate::loopback::{CALLS, unused_port};

const GET: &str = "/shop.Orders/Get";
const LIST: &str = "/shop.Orders/List";
const SERVED: &str = "rpc_server_call_duration_seconds_count";
const CALLED: &str = "rpc_client_call_duration_seconds_count";
const REQUESTS: &str = "vantage_api_requests_total";

/// A service as generated code has it. A request says what becomes of it: `ok`, `wait`, or the number of a
/// status.
#[derive(Clone)]
struct Orders;

impl NamedService for Orders {
    const NAME: &'static str = "shop.Orders";
}

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path() {
                GET => grpc.unary(Get, request).await,
                LIST => grpc.server_streaming(List, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

struct Get;

impl UnaryService<String> for Get {
    type Response = String;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Status>> + Send>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            match request.into_inner().as_str() {
                "ok" => Ok(Response::new("an order".to_owned())),
                "wait" => std::future::pending().await,
                code => Err(status(code)),
            }
        })
    }
}

struct List;

impl ServerStreamingService<String> for List {
    type Response = String;
    type ResponseStream = Answers;
    type Future = std::future::Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let (end, messages) = (request.into_inner(), 2);
        std::future::ready(Ok(Response::new(Answers { messages, end })))
    }
}

/// Messages, and then the end.
struct Answers {
    messages: usize,
    end: String,
}

impl Stream for Answers {
    type Item = Result<String, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(rest) = self.messages.checked_sub(1) {
            self.messages = rest;
            return Poll::Ready(Some(Ok("an order".to_owned())));
        }
        match self.end.as_str() {
            "ok" => Poll::Ready(None),
            "wait" => Poll::Pending,
            code => Poll::Ready(Some(Err(status(code)))),
        }
    }
}

fn status(code: &str) -> Status {
    Status::new(Code::from_bytes(code.as_bytes()), "a message")
}

/// Serves the orders until the test ends; returns where.
async fn serve(test: &TestTelemetry) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder()
        .layer(test.telemetry().http_layer())
        .add_service(Orders)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    endpoint(port)
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap()
}

type Measured = <vantage_obs::middleware::GrpcClientLayer as tower::Layer<Channel>>::Service;

fn client(test: &TestTelemetry, endpoint: &Endpoint) -> Measured {
    let layer = test
        .telemetry()
        .grpc_client_layer()
        .endpoint(endpoint.uri());
    ServiceBuilder::new()
        .layer(layer)
        .service(endpoint.connect_lazy())
}

/// The call that generated clients make.
async fn call<T>(client: T, path: &'static str, request: &str) -> Result<String, Status>
where
    T: GrpcService<Body>,
    T::ResponseBody: tonic::codegen::Body + Send + 'static,
    <T::ResponseBody as tonic::codegen::Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut grpc = tonic::client::Grpc::new(client);
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::from_error(error.into()))?;
    let (request, path) = (Request::new(request.to_owned()), path_of(path));
    let answer = grpc.unary(request, path, ProstCodec::<String, String>::default());
    answer.await.map(Response::into_inner)
}

async fn list(client: Measured, request: &str) -> Streaming<String> {
    let mut grpc = tonic::client::Grpc::new(client);
    grpc.ready().await.unwrap();
    let (request, path) = (Request::new(request.to_owned()), path_of(LIST));
    let answer = grpc.server_streaming(request, path, ProstCodec::default());
    answer.await.unwrap().into_inner()
}

fn path_of(path: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(path)
}

/// The calls so far: method, status, error type and their number.
fn recorded(test: &TestTelemetry, name: &str) -> Vec<(String, u64)> {
    let series = test.series(name).into_iter().map(|series| {
        let label = |name: &str| {
            let mut labels = series.labels.iter();
            let found = labels.find(|(label, _)| label == name);
            found.map_or("-", |(_, value)| value).to_owned()
        };
        assert_eq!(label("rpc_system_name"), "grpc");
        let labels = ["rpc_method", "rpc_response_status_code", "error_type"].map(label);
        (labels.join(" "), series.value as u64)
    });
    let mut recorded: Vec<_> = series.collect();
    recorded.sort();
    recorded
}

fn calls<const N: usize>(expected: [(&str, u64); N]) -> Vec<(String, u64)> {
    expected
        .map(|(labels, calls)| (labels.to_owned(), calls))
        .to_vec()
}

/// Lets the server go on until it has recorded so many requests.
async fn until_served(test: &TestTelemetry, requests: f64) {
    let reached = async {
        while test.sum(REQUESTS, &[]) != Some(requests) {
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
    reached.expect("the server sees what the client does");
}

fn traced() -> TestTelemetry {
    let mut config = vantage_obs::Config::new("orders", vantage_obs::Role::Api);
    config.traces.sample_ratio = 1.0;
    TestTelemetry::with_config(config, &[]).unwrap()
}

#[tokio::test]
async fn both_sides_record_the_status_of_a_call_and_one_trace() {
    let (caller, callee) = (traced(), traced());
    let endpoint = serve(&callee).await;
    let client = client(&caller, &endpoint);
    assert_eq!(call(client.clone(), GET, "ok").await.unwrap(), "an order");
    let error = call(client.clone(), GET, "5").await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::NotFound, "a message")
    );
    assert_eq!(
        call(client, GET, "13").await.unwrap_err().code(),
        Code::Internal
    );
    until_served(&callee, 3.0).await;
    let server = [
        ("shop.Orders/Get INTERNAL INTERNAL", 1),
        // The caller's affair: an error to the caller alone.
        ("shop.Orders/Get NOT_FOUND -", 1),
        ("shop.Orders/Get OK -", 1),
    ];
    assert_eq!(recorded(&callee, SERVED), calls(server));
    let client = [
        ("shop.Orders/Get INTERNAL INTERNAL", 1),
        ("shop.Orders/Get NOT_FOUND NOT_FOUND", 1),
        ("shop.Orders/Get OK -", 1),
    ];
    assert_eq!(recorded(&caller, CALLED), calls(client));
    let port = endpoint.uri().port_u16().unwrap().to_string();
    let labels = [("server_address", "127.0.0.1"), ("server_port", &*port)];
    caller.assert_sum(CALLED, &labels, 3.0);
    // Each call once: as a request of the API too, and never as a call by HTTP.
    assert_eq!(
        callee.sum("http_server_request_duration_seconds_count", &[]),
        Some(3.0)
    );
    assert_eq!(caller.sum(CALLS, &[]), None);

    let (client, server) = (caller.spans(), callee.spans());
    assert_eq!((client.len(), server.len()), (3, 3));
    for (client, server) in client.iter().zip(&server) {
        server.assert_child_of(client);
        for span in [client, server] {
            assert_eq!(span.name, "shop.Orders/Get");
            assert_eq!(span.attribute("rpc.method"), Some("shop.Orders/Get"));
            assert_eq!(span.attribute("rpc.system.name"), Some("grpc"));
        }
        let status = "rpc.response.status_code";
        assert_eq!(client.attribute(status), server.attribute(status));
    }
    let not_found = (&client[1], &server[1]);
    assert_eq!(not_found.0.attribute("error.type"), Some("NOT_FOUND"));
    assert_eq!(not_found.1.attribute("error.type"), None);
    assert_eq!(client[0].attribute("server.port"), Some(&*port));
}

#[tokio::test]
async fn an_invented_method_has_no_series_and_one_that_fails_has() {
    let (caller, callee) = (TestTelemetry::new(), traced());
    let endpoint = serve(&callee).await;
    let client = client(&caller, &endpoint);
    for path in [
        "/shop.Orders/Invented",
        "/shop.Orders/Another",
        "/invented.Service/Get",
    ] {
        let error = call(client.clone(), path, "ok").await.unwrap_err();
        assert_eq!(error.code(), Code::Unimplemented);
    }
    // Of those that a router or authentication may give before there is a method.
    let denied = call(client.clone(), GET, "16").await.unwrap_err();
    assert_eq!(denied.code(), Code::Unauthenticated);
    until_served(&callee, 4.0).await;
    let unknown = [
        ("_OTHER UNAUTHENTICATED -", 1),
        ("_OTHER UNIMPLEMENTED UNIMPLEMENTED", 3),
    ];
    assert_eq!(recorded(&callee, SERVED), calls(unknown));
    let span = &callee.spans()[0];
    assert_eq!(
        (&*span.name, span.attribute("rpc.method")),
        ("grpc", Some("_OTHER"))
    );
    assert_eq!(
        span.attribute("rpc.method_original"),
        Some("shop.Orders/Invented")
    );

    call(client.clone(), GET, "2").await.unwrap_err();
    call(client, GET, "16").await.unwrap_err();
    until_served(&callee, 6.0).await;
    let known = [
        ("_OTHER UNAUTHENTICATED -", 1),
        ("_OTHER UNIMPLEMENTED UNIMPLEMENTED", 3),
        ("shop.Orders/Get UNAUTHENTICATED -", 1),
        ("shop.Orders/Get UNKNOWN UNKNOWN", 1),
    ];
    assert_eq!(recorded(&callee, SERVED), calls(known));
    // The caller's own code names what it calls.
    let labels = [
        ("rpc_method", "shop.Orders/Invented"),
        ("error_type", "UNIMPLEMENTED"),
    ];
    caller.assert_value(CALLED, &labels, 1.0);
}

#[tokio::test]
async fn a_stream_is_measured_to_its_trailers() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let endpoint = serve(&callee).await;
    for (end, expected) in [
        ("ok", None),
        ("14", Some(Code::Unavailable)),
        ("6", Some(Code::AlreadyExists)),
    ] {
        let mut answers = list(client(&caller, &endpoint), end).await;
        for _ in 0..2 {
            assert_eq!(answers.message().await.unwrap().unwrap(), "an order");
        }
        let error = answers.message().await.err();
        assert_eq!(error.map(|error| error.code()), expected, "{end}");
    }
    until_served(&callee, 3.0).await;
    let server = [
        ("shop.Orders/List ALREADY_EXISTS -", 1),
        ("shop.Orders/List OK -", 1),
        ("shop.Orders/List UNAVAILABLE UNAVAILABLE", 1),
    ];
    assert_eq!(recorded(&callee, SERVED), calls(server));
    let client = [
        ("shop.Orders/List ALREADY_EXISTS ALREADY_EXISTS", 1),
        ("shop.Orders/List OK -", 1),
        ("shop.Orders/List UNAVAILABLE UNAVAILABLE", 1),
    ];
    assert_eq!(recorded(&caller, CALLED), calls(client));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_is_cancelled_on_both_sides() {
    let (caller, callee) = (traced(), traced());
    let endpoint = serve(&callee).await;
    let mut answers = list(client(&caller, &endpoint), "wait").await;
    assert!(answers.message().await.unwrap().is_some());
    assert_eq!(recorded(&caller, CALLED), [], "it has no end so far");
    drop(answers);
    until_served(&callee, 1.0).await;
    let cancelled = calls([("shop.Orders/List - cancelled", 1)]);
    assert_eq!(recorded(&caller, CALLED), cancelled);
    assert_eq!(recorded(&callee, SERVED), cancelled);
    callee
        .span("shop.Orders/List")
        .assert_child_of(&caller.span("shop.Orders/List"));
}

#[tokio::test]
async fn a_call_that_runs_out_of_time_is_a_timeout_inside_the_layer_and_cancelled_around_it() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let endpoint = serve(&callee).await;
    let limit = Duration::from_millis(20);
    let outer = client(&caller, &endpoint);
    let outer = tokio::time::timeout(limit, call(outer, GET, "wait")).await;
    outer.unwrap_err();
    assert_eq!(
        recorded(&caller, CALLED),
        calls([("shop.Orders/Get - cancelled", 1)])
    );
    let layer = caller
        .telemetry()
        .grpc_client_layer()
        .server(ServerName::new("orders"));
    let inner = ServiceBuilder::new()
        .layer(layer)
        .timeout(limit)
        .service(endpoint.connect_lazy());
    call(inner, GET, "wait").await.unwrap_err();
    let labels = [("error_type", "timeout"), ("server_address", "orders")];
    caller.assert_value(CALLED, &labels, 1.0);
}

#[tokio::test]
async fn the_time_limits_of_tonic_itself_are_timeouts() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let endpoint = serve(&callee).await;
    let limit = Duration::from_millis(20);
    // That of the channel, and that of one request.
    let limited = client(&caller, &endpoint.clone().timeout(limit));
    call(limited, GET, "wait").await.unwrap_err();
    let mut grpc = tonic::client::Grpc::new(client(&caller, &endpoint));
    grpc.ready().await.unwrap();
    let mut request = Request::new("wait".to_owned());
    request.set_timeout(limit);
    let codec = ProstCodec::<String, String>::default();
    let answer = grpc.unary(request, path_of(GET), codec).await;
    answer.unwrap_err();
    let expected = calls([("shop.Orders/Get - timeout", 2)]);
    assert_eq!(recorded(&caller, CALLED), expected);
}

/// A server of HTTP/2 that answers the first request with these bytes, and then closes the connection if it is to.
async fn serve_bytes(answer: &'static [u8], closes: bool) -> Endpoint {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Its empty settings.
        stream
            .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut seen = Vec::new();
        // Its preface and settings are shorter.
        while seen.len() < 200 {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        stream.write_all(answer).await.unwrap();
        if !closes {
            while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {}
        }
    });
    endpoint(port)
}

#[tokio::test]
async fn a_connection_that_ends_during_a_call_is_told_by_how_it_ended() {
    // Of frames: the length, the type, the flags, the stream, and what is in it.
    const REFUSED: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7];
    const ENHANCE_YOUR_CALM: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];
    for (answer, closes, expected) in [
        (REFUSED, false, &["stream_reset"][..]),
        (ENHANCE_YOUR_CALM, false, &["connection_closed"]),
        // By what the system says first.
        (&[], true, &["broken_pipe", "connection_reset"]),
    ] {
        let caller = TestTelemetry::new();
        let endpoint = serve_bytes(answer, closes).await;
        let error = call(client(&caller, &endpoint), GET, "wait").await;
        let error = error.unwrap_err();
        let recorded = recorded(&caller, CALLED);
        let known = |class: &&str| recorded == calls([(&*format!("shop.Orders/Get - {class}"), 1)]);
        assert!(expected.iter().any(known), "{recorded:?} {error:?}");
    }
    // A peer that is silent.
    let caller = TestTelemetry::new();
    let endpoint = serve_bytes(&[], false).await;
    let alive = endpoint
        .http2_keep_alive_interval(Duration::from_millis(20))
        .keep_alive_timeout(Duration::from_millis(20));
    let error = call(client(&caller, &alive), GET, "wait")
        .await
        .unwrap_err();
    let expected = calls([("shop.Orders/Get - timeout", 1)]);
    assert_eq!(recorded(&caller, CALLED), expected, "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_by_the_cause() {
    let caller = traced();
    let endpoint = endpoint(unused_port());
    let error = call(client(&caller, &endpoint), GET, "ok")
        .await
        .unwrap_err();
    // The status is the library's own, for want of one from the server.
    assert_eq!(error.code(), Code::Unavailable);
    let expected = calls([("shop.Orders/Get - connection_refused", 1)]);
    assert_eq!(recorded(&caller, CALLED), expected);
    let span = caller.span("shop.Orders/Get");
    assert_eq!(span.attribute("error.type"), Some("connection_refused"));
    assert_eq!(span.attribute("rpc.response.status_code"), None);
}
