use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use reqwest::{Client, Request, Response};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use vantage_obs::instruments::ServerName;
use vantage_obs::integrations::reqwest::reqwest_middleware::{
    ClientBuilder, ClientWithMiddleware, Next, Result,
};
use vantage_obs::testing::TestTelemetry;

use crate::loopback::{CALLS, assert_child, attribute, calls, serve, unused_port};

fn client(test: &TestTelemetry) -> ClientWithMiddleware {
    // No proxy of the machine that runs the test.
    let client = Client::builder().no_proxy().build().unwrap();
    test.telemetry().reqwest(client)
}

#[tokio::test]
async fn a_call_is_measured_and_the_server_continues_its_trace() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let invoice = get(async || "an invoice");
    let router = Router::new().route("/invoices/{id}", invoice);
    let port = serve(router.layer(callee.telemetry().http_layer())).await;
    let url = format!("http://user:password@127.0.0.1:{port}/invoices/7?token=secret");
    let response = client(&caller).get(url).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "an invoice");
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
    ];
    assert_eq!(calls(&caller, port, &labels), Some(1.0));
    let (client, server) = (&caller.span_data()[0], &callee.span_data()[0]);
    assert_child(server, client);
    let url = format!("http://127.0.0.1:{port}/invoices/7");
    assert_eq!(attribute(client, "url.full"), Some(url));
}

#[tokio::test]
async fn a_call_inside_a_job_belongs_to_its_trace() {
    let test = TestTelemetry::new();
    let port = serve(Router::new().route("/", post(async || StatusCode::NOT_FOUND))).await;
    let execution = test
        .telemetry()
        .scheduler()
        .start("digest", test.clock().wall());
    let sent = client(&test)
        .post(format!("http://127.0.0.1:{port}/"))
        .send();
    execution.trace(sent).await.unwrap();
    execution.succeed();
    let labels = [
        ("error_type", "404"),
        ("http_request_method", "POST"),
        ("http_response_status_code", "404"),
    ];
    assert_eq!(calls(&test, port, &labels), Some(1.0));
    let spans = test.span_data();
    assert_child(&spans[0], &spans[1]);
}

/// A server that reads a request and closes the connection.
async fn serve_nothing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    port
}

#[tokio::test]
async fn failures_are_told_apart() {
    let test = TestTelemetry::new();
    let client = client(&test);
    let slow = get(async || std::future::pending::<()>().await);
    let around = get(async || Redirect::to("/around"));
    let port = serve(Router::new().route("/slow", slow).route("/around", around)).await;
    let failed = |port: u16, class: &str| {
        let labels = [("error_type", class), ("http_request_method", "GET")];
        calls(&test, port, &labels)
    };

    let refusing = unused_port();
    let refused = client
        .get(format!("http://127.0.0.1:{refusing}/"))
        .send()
        .await;
    assert!(refused.unwrap_err().is_connect());
    assert_eq!(failed(refusing, "connection_refused"), Some(1.0));

    let limited = client.get(format!("http://127.0.0.1:{port}/slow"));
    let limited = limited.timeout(Duration::from_millis(1)).send().await;
    assert!(limited.unwrap_err().is_timeout());
    assert_eq!(failed(port, "timeout"), Some(1.0));

    let redirected = client
        .get(format!("http://127.0.0.1:{port}/around"))
        .send()
        .await;
    assert!(redirected.unwrap_err().is_redirect());
    assert_eq!(failed(port, "redirect"), Some(1.0));

    let closing = serve_nothing().await;
    let closed = client
        .get(format!("http://127.0.0.1:{closing}/"))
        .send()
        .await;
    closed.unwrap_err();
    assert_eq!(failed(closing, "connection_closed"), Some(1.0));

    let unknown = client.get("http://no-such-host.invalid/").send().await;
    unknown.unwrap_err();
    let labels = [
        ("error_type", "name_resolution"),
        ("http_request_method", "GET"),
        ("server_address", "no-such-host.invalid"),
        ("server_port", "80"),
    ];
    assert_eq!(test.value(CALLS, &labels), Some(1.0));
}

#[tokio::test]
async fn a_call_that_its_caller_drops_is_cancelled_and_no_timeout() {
    let test = TestTelemetry::new();
    let arrived = Arc::new(tokio::sync::Notify::new());
    let arrives = Arc::clone(&arrived);
    let slow = get(async move || {
        arrives.notify_one();
        std::future::pending::<()>().await;
    });
    let port = serve(Router::new().route("/slow", slow)).await;
    let call = client(&test)
        .get(format!("http://127.0.0.1:{port}/slow"))
        .send();
    tokio::select! {
        answered = call => panic!("{answered:?}"),
        () = arrived.notified() => {}
    }
    let labels = [("error_type", "cancelled"), ("http_request_method", "GET")];
    assert_eq!(calls(&test, port, &labels), Some(1.0));
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

/// Sends a request again until it succeeds, as reqwest-retry does.
fn again<'a>(request: Request, extensions: &'a mut http::Extensions, next: Next<'a>) -> Sent<'a> {
    Box::pin(async move {
        loop {
            let copy = request.try_clone().unwrap();
            let response = next.clone().run(copy, &mut *extensions).await?;
            if response.status().is_success() {
                return Ok(response);
            }
        }
    })
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_one_trace_and_several_calls() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let sent = Arc::new(AtomicU32::new(0));
    let router = Router::new().route(
        "/",
        get(async move || match sent.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }),
    );
    let port = serve(router.layer(callee.telemetry().http_layer())).await;
    let client = ClientBuilder::new(Client::builder().no_proxy().build().unwrap())
        .with(again)
        .with(caller.telemetry().reqwest_middleware())
        .build();
    client
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .unwrap();
    let labels = [
        ("error_type", "503"),
        ("http_request_method", "GET"),
        ("http_response_status_code", "503"),
    ];
    assert_eq!(calls(&caller, port, &labels), Some(2.0));
    let (clients, servers) = (caller.span_data(), callee.span_data());
    let traces: Vec<_> = clients
        .iter()
        .map(|span| span.span_context.trace_id())
        .collect();
    assert_eq!(traces, [traces[0]; 3]);
    for (server, client) in servers.iter().zip(&clients) {
        assert_child(server, client);
    }
    let resent = |span| attribute(span, "http.request.resend_count");
    let counts: Vec<_> = clients.iter().map(resent).collect();
    assert_eq!(counts, [None, Some("1".to_owned()), Some("2".to_owned())]);
}

#[tokio::test]
async fn a_request_may_name_its_server() {
    let test = TestTelemetry::new();
    let port = serve(Router::new().route("/hook", post(async || ()))).await;
    let request = client(&test).post(format!("http://127.0.0.1:{port}/hook"));
    let request = request.with_extension(ServerName::new("webhooks"));
    request.send().await.unwrap();
    let labels = [
        ("http_request_method", "POST"),
        ("http_response_status_code", "200"),
        ("server_address", "webhooks"),
    ];
    assert_eq!(test.value(CALLS, &labels), Some(1.0));
    let address = attribute(&test.span_data()[0], "server.address");
    assert_eq!(address.as_deref(), Some("127.0.0.1"));
}
