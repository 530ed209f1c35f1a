//! The layer, our routes and a fallback in whatever order a service puts them: a request counts once.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower::{Layer as _, ServiceExt as _};
use vantage_obs::testing::TestTelemetry;

use crate::support::{Sample, events, into_ok, named, request, samples, scrape, with_objectives};

const REQUESTS: &str = "vantage_api_requests_total";
const ACTIVE: &str = "http_server_active_requests";
const OPERATIONAL: &str = "vantage_telemetry_http_requests_total";

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
async fn our_routes_answer_and_count_apart_in_every_order() {
    for (order, router, _) in layer_orders() {
        let test = with_objectives();
        for path in ["/metrics", "/api/v1/health"] {
            // axum gives the whole prefix to a service that is nested there.
            if order.starts_with("nested as a service") && path.starts_with("/api/") {
                continue;
            }
            let status = send(router(&test), path).await;
            assert_eq!(status, StatusCode::OK, "{order}: {path}");
            assert_counted_apart(&test, path, 1.0, order);
        }
    }
}

/// Asserts that requests to one of our routes are in no metric of the API, and in one of their own.
#[track_caller]
fn assert_counted_apart(test: &TestTelemetry, route: &str, requests: f64, order: &str) {
    let text = scrape(test);
    let of_route: Vec<_> = samples(&text)
        .into_iter()
        .filter(|sample| {
            sample
                .labels
                .get("http_route")
                .is_some_and(|is| is == route)
        })
        .collect();
    let [counted] = &of_route[..] else {
        panic!("{order}: {route}: {of_route:?}");
    };
    assert_eq!(counted.name, OPERATIONAL, "{order}");
    assert!((counted.value - requests).abs() < f64::EPSILON, "{order}");
    assert_eq!(named(&text, REQUESTS), [], "{order}: {route}");
    let active = named(&text, ACTIVE);
    assert!(
        active.iter().all(|active| active.value == 0.0),
        "{order}: {active:?}"
    );
    for objective in ["api.latency", "api.error_rate"] {
        assert_eq!(events(test, objective), (0, 0), "{order}: {route}");
    }
}

#[tokio::test]
async fn our_routes_count_apart_where_a_service_nests_them() {
    type Nesting = fn(Router, &TestTelemetry) -> Router;
    let nestings: [(&str, Nesting); 3] = [
        ("nested", |ours, test| {
            let layer = test.telemetry().http_layer();
            Router::new().nest("/internal", ours).layer(layer)
        }),
        ("nested as a service", |ours, test| {
            let layer = test.telemetry().http_layer();
            Router::new().nest_service("/internal", ours).layer(layer)
        }),
        ("a layer around everything", |ours, test| {
            let app = Router::new().nest("/internal", ours);
            Router::new().fallback_service(test.telemetry().http_layer().layer(app))
        }),
    ];
    for (order, nest) in nestings {
        let test = with_objectives();
        let app = nest(test.telemetry().routes(), &test);
        for count in 1..=3 {
            let status = send(app.clone(), "/internal/api/v1/health").await;
            assert_eq!(status, StatusCode::OK, "{order}");
            let route = "/internal/api/v1/health";
            assert_counted_apart(&test, route, f64::from(count), order);
        }
        send(app.clone(), "/internal/metrics").await;
        // What is scraped the second time is a scrape that is known to be one.
        let scraped = into_ok(app.oneshot(request("GET", "/internal/metrics")).await);
        let body = axum::body::to_bytes(scraped.into_body(), usize::MAX).await;
        let text = String::from_utf8(body.unwrap().to_vec()).unwrap();
        let active = named(&text, ACTIVE);
        assert!(
            active.iter().all(|one| one.value == 0.0),
            "{order}: {active:?}"
        );
    }
}

#[tokio::test]
async fn a_scrape_is_never_one_of_the_active_requests() {
    let test = with_objectives();
    let app = api("/posts")
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer());
    let scraped = into_ok(app.oneshot(request("GET", "/metrics")).await);
    let body = axum::body::to_bytes(scraped.into_body(), usize::MAX).await;
    let text = String::from_utf8(body.unwrap().to_vec()).unwrap();
    let active = named(&text, ACTIVE);
    assert!(active.iter().all(|one| one.value == 0.0), "{active:?}");
}

#[tokio::test]
async fn a_route_of_the_service_counts_as_such_whatever_its_name_is() {
    let test = with_objectives();
    let telemetry = test.telemetry();
    let app = api("/metrics")
        .nest("/internal", telemetry.routes())
        .layer(telemetry.http_layer());
    for _ in 0..2 {
        send(app.clone(), "/metrics").await;
        send(app.clone(), "/internal/metrics").await;
    }
    let text = scrape(&test);
    for (metric, route) in [(REQUESTS, "/metrics"), (OPERATIONAL, "/internal/metrics")] {
        let counted = named(&text, metric);
        assert_eq!(counted.len(), 1, "{counted:?}");
        assert_eq!(counted[0].labels["http_route"], route);
        assert!((counted[0].value - 2.0).abs() < f64::EPSILON);
    }
    assert_eq!(events(&test, "api.error_rate"), (2, 0));
}

#[tokio::test]
async fn our_routes_count_each_method_and_status_also_without_a_layer() {
    let test = with_objectives();
    let routes = test.telemetry().routes::<()>();
    const HEARTBEAT: &str = "/api/v1/workers/w1/heartbeat";
    for (method, path) in [
        ("HEAD", "/metrics"),
        ("DELETE", "/metrics"),
        ("GET", HEARTBEAT),
        ("GET", "/nowhere"),
    ] {
        into_ok(routes.clone().oneshot(request(method, path)).await);
    }
    let counted = named(&scrape(&test), OPERATIONAL);
    let label = |sample: &Sample, key: &str| sample.labels[key].clone();
    let mut counted: Vec<_> = counted
        .iter()
        .map(|sample| {
            [
                label(sample, "http_request_method"),
                label(sample, "http_route"),
                label(sample, "http_response_status_code"),
            ]
            .join(" ")
        })
        .collect();
    counted.sort();
    assert_eq!(
        counted,
        [
            "DELETE /metrics 405",
            "GET /api/v1/workers/{worker_id}/heartbeat 404",
            "HEAD /metrics 200",
        ]
    );
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
