//! The layer, our routes and a fallback in whatever order a service puts them: a request counts once.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower::ServiceExt as _;
use vantage_obs::testing::TestTelemetry;

use crate::support::{into_ok, named, request, scrape, with_objectives};

const REQUESTS: &str = "vantage_api_requests_total";

async fn teapot() -> StatusCode {
    StatusCode::IM_A_TEAPOT
}

/// One route, which each order knows as `/api/posts/{id}` in the end.
fn api(path: &str) -> Router {
    Router::new().route(path, get(|| async { "a post" }))
}

type LayerOrder = fn(&TestTelemetry) -> Router;

/// What a service may write, and what answers a path that it does not know.
fn layer_orders() -> Vec<(&'static str, LayerOrder, StatusCode)> {
    const FULL: &str = "/api/posts/{id}";
    const INNER: &str = "/posts/{id}";
    let (missing, own) = (StatusCode::NOT_FOUND, StatusCode::IM_A_TEAPOT);
    vec![
        (
            "layer, merge",
            |test| {
                let telemetry = test.telemetry();
                api(FULL)
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes())
            },
            missing,
        ),
        (
            "merge, layer",
            |test| {
                let telemetry = test.telemetry();
                api(FULL)
                    .merge(telemetry.routes())
                    .layer(telemetry.http_layer())
            },
            missing,
        ),
        (
            "ours first",
            |test| {
                let telemetry = test.telemetry();
                let layered = api(FULL).layer(telemetry.http_layer());
                telemetry.routes().merge(layered)
            },
            missing,
        ),
        (
            "fallback, layer, merge",
            |test| {
                let telemetry = test.telemetry();
                api(FULL)
                    .fallback(teapot)
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes())
            },
            own,
        ),
        (
            "fallback, merge, layer",
            |test| {
                let telemetry = test.telemetry();
                api(FULL)
                    .fallback(teapot)
                    .merge(telemetry.routes())
                    .layer(telemetry.http_layer())
            },
            own,
        ),
        (
            "merge, fallback, layer",
            |test| {
                let telemetry = test.telemetry();
                api(FULL)
                    .merge(telemetry.routes())
                    .fallback(teapot)
                    .layer(telemetry.http_layer())
            },
            own,
        ),
        (
            "nested, layer outside, merge",
            |test| {
                let telemetry = test.telemetry();
                Router::new()
                    .nest("/api", api(INNER))
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes())
            },
            missing,
        ),
        (
            "nested, layer inside, merge",
            |test| {
                let telemetry = test.telemetry();
                Router::new()
                    .nest("/api", api(INNER).layer(telemetry.http_layer()))
                    .merge(telemetry.routes())
            },
            missing,
        ),
        (
            "nested with a fallback, layer, merge",
            |test| {
                let telemetry = test.telemetry();
                Router::new()
                    .nest("/api", api(INNER).fallback(teapot))
                    .fallback(teapot)
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes())
            },
            own,
        ),
        (
            "nested as a service, layer inside and outside",
            |test| {
                let telemetry = test.telemetry();
                let inner = api(INNER)
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes());
                Router::new()
                    .nest_service("/api", inner)
                    .merge(telemetry.routes())
                    .layer(telemetry.http_layer())
            },
            missing,
        ),
        (
            "a router as the fallback, layer inside and outside",
            |test| {
                let telemetry = test.telemetry();
                Router::new()
                    .fallback_service(api(FULL).layer(telemetry.http_layer()))
                    .layer(telemetry.http_layer())
                    .merge(telemetry.routes())
            },
            missing,
        ),
    ]
}

async fn send(app: Router, path: &str) -> StatusCode {
    into_ok(app.oneshot(request("GET", path)).await).status()
}

#[tokio::test]
async fn an_unknown_path_counts_once_and_without_a_route_in_every_order() {
    for (order, router, expected) in layer_orders() {
        for path in ["/wp-login.php", "/api/wp-login.php", "/"] {
            let test = with_objectives();
            let status = send(router(&test), path).await;
            assert_eq!(status, expected, "{order}: {path}");
            let labels = [
                ("http_request_method", "GET"),
                ("http_response_status_code", status.as_str()),
                ("url_scheme", "http"),
            ];
            assert_eq!(test.value(REQUESTS, &labels), Some(1.0), "{order}: {path}");
            let text = scrape(&test);
            assert_eq!(named(&text, REQUESTS).len(), 1, "{order}: {path}");
            assert!(!text.contains("wp-login"), "{order}: {path}");
            let active = [("http_request_method", "GET"), ("url_scheme", "http")];
            let active = test.value("http_server_active_requests", &active);
            assert_eq!(active, Some(0.0), "{order}: {path}");
        }
    }
}

#[tokio::test]
async fn a_known_path_counts_once_under_its_whole_route_in_every_order() {
    for (order, router, _) in layer_orders() {
        let test = with_objectives();
        assert_eq!(
            send(router(&test), "/api/posts/7").await,
            StatusCode::OK,
            "{order}"
        );
        let counted = named(&scrape(&test), REQUESTS);
        assert_eq!(counted.len(), 1, "{order}: {counted:?}");
        assert_eq!(
            counted[0].labels["http_route"], "/api/posts/{id}",
            "{order}"
        );
        assert!((counted[0].value - 1.0).abs() < f64::EPSILON, "{order}");
    }
}

#[tokio::test]
async fn our_routes_answer_in_every_order() {
    for (order, router, _) in layer_orders() {
        let test = with_objectives();
        for path in ["/metrics", "/api/v1/health"] {
            // axum gives the whole prefix to a service that is nested there.
            if order.starts_with("nested as a service") && path.starts_with("/api/") {
                continue;
            }
            let status = send(router(&test), path).await;
            assert_eq!(status, StatusCode::OK, "{order}: {path}");
        }
    }
}

#[tokio::test]
async fn a_fallback_that_is_set_after_the_layer_answers_and_is_outside_of_it() {
    let test = with_objectives();
    let telemetry = test.telemetry();
    let app = api("/api/posts/{id}")
        .layer(telemetry.http_layer())
        .merge(telemetry.routes())
        .fallback(teapot);
    assert_eq!(send(app, "/nowhere").await, StatusCode::IM_A_TEAPOT);
    assert_eq!(named(&scrape(&test), REQUESTS), []);
}

#[tokio::test]
async fn a_request_to_the_empty_path_of_a_tunnel_counts_once_too() {
    for (order, router, expected) in layer_orders() {
        let test = with_objectives();
        let request = request("CONNECT", "example.com:443");
        let status = into_ok(router(&test).oneshot(request).await).status();
        // A router that is the fallback is asked as well, and has a fallback of its own.
        assert_eq!(status, expected, "{order}");
        let counted = named(&scrape(&test), REQUESTS);
        assert_eq!(counted.len(), 1, "{order}: {counted:?}");
        assert_eq!(counted[0].labels["http_request_method"], "CONNECT");
        assert!((counted[0].value - 1.0).abs() < f64::EPSILON, "{order}");
    }
}
