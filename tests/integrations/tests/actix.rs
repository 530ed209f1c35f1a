//! actix-web: what its middleware records of a real server, and the routes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::error::ErrorServiceUnavailable;
use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vantage_obs::Config;
use vantage_obs::Role;
use vantage_obs::config::Secret;
use vantage_obs::testing::{SpanKind, TestTelemetry};

const REQUESTS: &str = "vantage_api_requests_total";
const ACTIVE: &str = "http_server_active_requests";
const OPERATIONAL: &str = "vantage_telemetry_http_requests_total";

/// A shop on a port of its own.
struct Shop {
    test: TestTelemetry,
    address: SocketAddr,
    server: ServerHandle,
}

impl Shop {
    fn open() -> Self {
        let mut config = Config::new("shop", Role::Api);
        config.heartbeat.token = Some(Secret::new("beat"));
        Self::with_config(config)
    }

    fn with_config(config: Config) -> Self {
        let test = TestTelemetry::with_config(config, &[]).unwrap();
        let telemetry = test.telemetry().clone();
        let server = HttpServer::new(move || {
            let own = telemetry.clone();
            let order = move |path: web::Path<u32>| {
                let database = own.database("sqlite");
                async move {
                    if *path == 13 {
                        panic!("unlucky");
                    }
                    database.query("SELECT", "orders").succeed();
                    format!("order {path}")
                }
            };
            let busy = || async { Err::<&str, _>(ErrorServiceUnavailable("busy")) };
            let slow = || async {
                tokio::time::sleep(Duration::from_secs(600)).await;
                "late"
            };
            let echo = |body: web::Payload| async { HttpResponse::Ok().streaming(body) };
            App::new()
                .wrap(telemetry.actix())
                .route("/orders/{id}", web::get().to(order))
                .route("/busy", web::get().to(busy))
                .route("/slow", web::get().to(slow))
                .route("/echo", web::post().to(echo))
                .route("/status", web::get().to(|| async { "its own" }))
                .service(web::scope("/ops").configure(telemetry.actix_internal_routes()))
                .configure(telemetry.actix_routes())
        });
        let server = server.workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            test,
            address,
            server: handle,
        }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        reqwest::Client::new().request(method.parse().unwrap(), url)
    }

    /// Returns the status and body of a response.
    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.request("GET", path).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }

    async fn close(self) -> TestTelemetry {
        self.server.stop(true).await;
        self.test
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn requests_are_measured_by_their_pattern_and_continue_a_trace() {
    let shop = Shop::open();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = shop.request("GET", "/orders/7?token=secret");
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let response = request.header("traceparent", parent).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "order 7");
    assert_eq!(shop.get("/busy").await, (503, "busy".into()));
    assert_eq!(shop.get("/wp-admin").await.0, 404);
    let test = shop.close().await;
    for (route, status) in [("/orders/{id}", "200"), ("/busy", "503"), ("", "404")] {
        let mut labels = vec![
            ("http_response_status_code", status),
            ("url_scheme", "http"),
        ];
        if !route.is_empty() {
            labels.push(("http_route", route));
        }
        test.assert_value(REQUESTS, &labels, 1.0);
    }
    test.assert_sum(REQUESTS, &[], 3.0);
    test.assert_sum(ACTIVE, &[], 0.0);
    let order = test.span("GET /orders/{id}");
    assert_eq!(
        (order.kind, order.trace_id.as_str()),
        (SpanKind::Server, trace)
    );
    assert_eq!(order.attribute("url.path"), Some("/orders/7"));
    assert_eq!(order.attribute("http.response.status_code"), Some("200"));
    test.span("SELECT orders").assert_child_of(&order);
    assert!(test.span("GET /busy").is_error());
    assert_eq!(test.span("GET").attribute("http.route"), None);
}

#[actix_web::test]
async fn a_body_is_part_of_the_request_and_a_stream_is_passed_on() {
    let shop = Shop::open();
    let sent = "0123456789".repeat(20_000);
    let request = shop.request("POST", "/echo").body(sent.clone());
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert!(response.text().await.unwrap() == sent);
    // Half of a body, of which the server sends what it has.
    let mut client = TcpStream::connect(shop.address).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0; 1_000];
    assert!(client.read(&mut buffer).await.unwrap() > 0);
    shop.test.assert_sum(ACTIVE, &[], 1.0);
    drop(client);
    let broken = "vantage_api_broken_responses_total";
    until("the client is missed", || {
        shop.test.sum(broken, &[]).is_some()
    })
    .await;
    let test = shop.close().await;
    test.assert_sum(broken, &[("http_route", "/echo")], 1.0);
    test.assert_sum(ACTIVE, &[], 0.0);
    test.assert_value(REQUESTS, &[("http_route", "/echo")], 2.0);
}

#[actix_web::test]
async fn a_panic_and_a_client_that_goes_away_are_told_apart() {
    let shop = Shop::open();
    let unlucky = shop.request("GET", "/orders/13").send().await;
    assert!(unlucky.is_err(), "actix-web closes the connection");
    let mut client = TcpStream::connect(shop.address).await.unwrap();
    for path in ["/orders/7", "/slow"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
    }
    until("it has begun", || shop.test.sum(ACTIVE, &[]) == Some(1.0)).await;
    // With the first answer unread, so that the connection is reset: one that is closed may still be read from.
    client.readable().await.unwrap();
    drop(client);
    until("it has ended", || shop.test.sum(ACTIVE, &[]) == Some(0.0)).await;
    let test = shop.close().await;
    for (route, error) in [("/orders/{id}", "panic"), ("/slow", "cancelled")] {
        let labels = [("http_route", route), ("error_type", error)];
        test.assert_value(REQUESTS, &labels, 1.0);
    }
}

#[actix_web::test]
async fn the_routes_answer_and_are_no_requests_of_the_api() {
    let shop = Shop::open();
    shop.test.tick();
    shop.test.tick();
    for path in [
        "/api/v1/health/ready",
        "/api/v1/health/live/",
        "/ops/api/v1/health/live",
    ] {
        let (status, body) = shop.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    let (status, metrics) = shop.get("/metrics").await;
    assert!(
        status == 200 && metrics.contains("# TYPE http_server_active_requests"),
        "{metrics}"
    );
    for _ in 0..2 {
        assert_eq!(shop.get("/ops/metrics").await.0, 200);
    }
    assert_eq!(shop.get("/status").await, (200, "its own".into()));
    let (_, feed) = shop.get("/status/feed.atom").await;
    assert!(
        feed.contains(&format!("http://{}/status", shop.address)),
        "{feed}"
    );
    let head = shop.request("HEAD", "/api/v1/health").send().await.unwrap();
    assert_ne!(head.headers()["content-length"], "0");
    let wrong = shop.request("PUT", "/api/v1/health").send().await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(
        wrong.text().await.unwrap(),
        r#"{"error":"method not allowed"}"#
    );

    let beat = || {
        let beat = shop.request("POST", "/api/v1/workers/mailer@1/heartbeat");
        beat.header("content-type", "application/json")
    };
    let sent = r#"{"boot_id":"b","sequence":1}"#;
    assert_eq!(beat().body(sent).send().await.unwrap().status(), 401);
    let accepted = beat().bearer_auth("beat").body(sent).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let (status, known) = shop.get("/ops/api/v1/workers/mailer@1/heartbeat").await;
    assert!(
        status == 200 && known.contains(r#""worker_id":"mailer@1""#),
        "{known}"
    );
    let large = beat().bearer_auth("beat").body("x".repeat(1_000_000));
    // The connection may be closed before all of it was sent.
    if let Ok(response) = large.send().await {
        assert_eq!(response.status(), 413);
    }
    let test = shop.close().await;
    test.assert_sum(REQUESTS, &[], 1.0);
    test.assert_value(REQUESTS, &[("http_route", "/status")], 1.0);
    test.assert_sum(ACTIVE, &[], 0.0);
    assert!(test.sum(OPERATIONAL, &[]) >= Some(10.0));
    // In a scope they are known from the first request of each on.
    let names: Vec<_> = test.spans().into_iter().map(|span| span.name).collect();
    let expected = [
        "GET /ops/api/v1/health/live",
        "GET /ops/metrics",
        "GET /ops/api/v1/workers/{worker_id}/heartbeat",
    ];
    assert_eq!(names, expected);
}

#[actix_web::test]
async fn a_scrape_that_is_turned_off_leaves_its_path_to_the_service() {
    let mut config = Config::new("shop", Role::Api);
    config.metrics.prometheus.enabled = false;
    config.http.prefix = "/internal".to_owned();
    let shop = Shop::with_config(config);
    assert_eq!(shop.get("/internal/metrics").await.0, 404);
    assert_eq!(shop.get("/internal/api/v1/health/live").await.0, 200);
    assert_eq!(shop.get("/ops/internal/api/v1/health/live").await.0, 200);
    shop.close().await;
}

#[actix_web::test]
async fn the_development_page_is_for_clients_of_this_machine() {
    let mut config = Config::new("shop", Role::Api);
    config.dev.enabled = true;
    let shop = Shop::with_config(config);
    for path in ["/dev", "/dev.json", "/ops/dev"] {
        let (status, body) = shop.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body.contains("shop"), "{path}: {body}");
        for (name, value) in [
            ("host", "rebind.example"),
            ("x-forwarded-for", "127.0.0.1"),
            ("origin", "https://other.example"),
        ] {
            let request = shop.request("GET", path).header(name, value);
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 403, "{path} {name}");
        }
    }
    shop.close().await;
}

#[actix_web::test]
async fn a_request_counts_once_though_two_middlewares_see_it() {
    use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
    let test = TestTelemetry::new();
    let telemetry = test.telemetry().clone();
    let inner = web::scope("/api")
        .wrap(telemetry.actix())
        .route("/orders/{id}", web::get().to(|| async { "an order" }));
    let app = App::new().service(inner).wrap(telemetry.actix());
    let app = init_service(app).await;
    let request = TestRequest::get().uri("/api/orders/7").to_request();
    call_and_read_body(&app, request).await;
    // Without a route, too.
    let request = TestRequest::get().uri("/api/nowhere").to_request();
    drop(call_service(&app, request).await);
    let known = [("http_route", "/api/orders/{id}")];
    assert_eq!(test.sum(REQUESTS, &known), Some(1.0));
    assert_eq!(test.sum(REQUESTS, &[]), Some(2.0));
    assert_eq!(test.spans().len(), 2);
}

#[actix_web::test]
async fn a_middleware_of_a_scope_alone_measures_the_scope() {
    use actix_web::test::{TestRequest, call_and_read_body, init_service};
    let test = TestTelemetry::new();
    let telemetry = test.telemetry().clone();
    let inner = web::scope("/api")
        .wrap(telemetry.actix())
        .route("/orders/{id}", web::get().to(|| async { "an order" }));
    let app = App::new().service(inner);
    let app = init_service(app.route("/", web::get().to(|| async { "" }))).await;
    for path in ["/", "/api/orders/7", "/api/orders/8"] {
        let request = TestRequest::get().uri(path).to_request();
        call_and_read_body(&app, request).await;
    }
    assert_eq!(test.sum(REQUESTS, &[]), Some(2.0));
}
