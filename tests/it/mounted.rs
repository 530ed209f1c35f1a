//! `mount`, the two halves and the prefix: who answers which path, and who counts it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role};

use crate::support::{CapturedLog, into_ok, named, request, scrape, with_objectives};

const REQUESTS: &str = "vantage_api_requests_total";
const OPERATIONAL: &str = "vantage_telemetry_http_requests_total";

/// Everything but the SDK's own answers.
async fn teapot() -> StatusCode {
    StatusCode::IM_A_TEAPOT
}

async fn send(router: &Router, method: &str, path: &str) -> Response {
    into_ok(router.clone().oneshot(request(method, path)).await)
}

async fn status(router: &Router, method: &str, path: &str) -> u16 {
    let response = send(router, method, path).await;
    let status = response.status().as_u16();
    // A request is finished with its body.
    response.into_body().collect().await.unwrap();
    status
}

async fn body(router: &Router, method: &str, path: &str) -> String {
    let body = send(router, method, path).await.into_body();
    let body = body.collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// The routes that a metric has counted, each with its method, and how often.
fn counted(test: &TestTelemetry, metric: &str) -> Vec<(String, u64)> {
    let found = named(&scrape(test), metric);
    let mut found: Vec<_> = found
        .iter()
        .map(|series| {
            let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
            let route = format!("{} {}", label("http_request_method"), label("http_route"));
            (route, series.value as u64)
        })
        .collect();
    found.sort();
    found
}

fn ready() -> TestTelemetry {
    let test = with_objectives();
    test.telemetry().started();
    test.tick();
    test
}

#[tokio::test]
async fn a_service_has_its_routes_and_ours_and_each_is_counted_once() {
    let test = ready();
    let app = Router::new()
        .route(
            "/posts/{id}",
            get(|Path(id): Path<String>| async move { id }),
        )
        .route(
            "/state",
            get(|State(text): State<&'static str>| async move { text }),
        )
        .with_state("shared");
    let app = test.telemetry().mount(app);
    assert_eq!(body(&app, "GET", "/posts/7").await, "7");
    assert_eq!(body(&app, "GET", "/state").await, "shared");
    assert_eq!(status(&app, "GET", "/nowhere").await, 404);
    assert_eq!(status(&app, "DELETE", "/posts/7").await, 405);
    for path in [
        "/metrics",
        "/api/v1/health/ready",
        "/status",
        "/status/slo.json",
    ] {
        assert_eq!(status(&app, "GET", path).await, 200, "{path}");
    }
    assert_eq!(status(&app, "HEAD", "/api/v1/health/").await, 200);
    assert_eq!(
        body(&app, "PATCH", "/api/v1/health").await,
        r#"{"error":"method not allowed"}"#
    );
    let api = [
        ("DELETE /posts/{id}", 1),
        ("GET ", 1),
        ("GET /posts/{id}", 1),
        ("GET /state", 1),
    ];
    assert_eq!(
        counted(&test, REQUESTS),
        api.map(|(route, count)| (route.to_owned(), count))
    );
    let own = counted(&test, OPERATIONAL);
    assert!(own.contains(&("GET /status/slo.json".into(), 1)), "{own:?}");
    assert!(own.contains(&("HEAD /api/v1/health/".into(), 1)), "{own:?}");
    assert!(own.contains(&("PATCH /api/v1/health".into(), 1)), "{own:?}");
}

#[tokio::test]
async fn a_route_of_the_service_s_own_wins_and_the_log_says_so_once() {
    let test = ready();
    let log = CapturedLog::default();
    let _captured = log.install(&test);
    let app = Router::new()
        .route("/status", get(teapot))
        .route("/metrics", get(teapot))
        .route("/status/incidents/{number}", get(teapot))
        .route("/api/v1/workers/special", delete(teapot))
        .nest("/api/v1/incidents", Router::new().route("/", post(teapot)));
    let app = test.telemetry().mount(app);
    for (method, path, expected) in [
        ("GET", "/status", 418),
        ("GET", "/metrics", 418),
        ("GET", "/status/incidents/7", 418),
        ("DELETE", "/api/v1/workers/special", 418),
        ("POST", "/api/v1/incidents", 418),
        // Of a route that the service has, there is no variant of ours.
        ("GET", "/status/", 404),
        ("GET", "/status/history", 200),
        ("GET", "/status/incidents", 200),
        ("GET", "/api/v1/health", 200),
        ("DELETE", "/api/v1/workers/other", 403),
    ] {
        assert_eq!(
            status(&app, method, path).await,
            expected,
            "{method} {path}"
        );
    }
    let api = counted(&test, REQUESTS);
    for route in [
        "GET /status",
        "GET /metrics",
        "DELETE /api/v1/workers/special",
    ] {
        assert!(api.contains(&(route.into(), 1)), "{route}: {api:?}");
    }
    let lines = log.lines();
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "warn")
        .collect();
    let [warning] = warnings[..] else {
        panic!("{warnings:?}")
    };
    let message = warning["message"].as_str().unwrap();
    let expected = "the service has routes of its own at GET /metrics, POST /api/v1/incidents, GET /status, \
        GET /status/incidents/{incident_id}: the SDK's are not served there; http.prefix moves them";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_wildcard_and_a_fallback_of_the_service_leave_our_paths_to_us() {
    type NamedApp = (&'static str, fn() -> Router);
    let apps: [NamedApp; 6] = [
        ("fallback", || Router::new().fallback(teapot)),
        ("wildcard", || Router::new().route("/{*path}", get(teapot))),
        ("wildcard for all methods", || {
            Router::new().route("/{*path}", any(teapot))
        }),
        ("nested wildcard", || {
            Router::new()
                .nest("/status", Router::new().route("/{*rest}", get(teapot)))
                .fallback(teapot)
        }),
        ("nested service", || {
            Router::new()
                .nest_service("/api", any(teapot))
                .fallback(teapot)
        }),
        ("parameters", || {
            Router::new()
                .route("/{page}", get(teapot))
                .route("/{a}/{b}/{c}/{d}", get(teapot))
                .fallback(teapot)
        }),
    ];
    for (name, app) in apps {
        let test = ready();
        let log = CapturedLog::default();
        let captured = log.install(&test);
        let app = test.telemetry().mount(app());
        drop(captured);
        for path in [
            "/metrics",
            "/status",
            "/status/history",
            "/api/v1/health",
            "/api/v1/health/live",
        ] {
            assert_eq!(status(&app, "GET", path).await, 200, "{name}: {path}");
        }
        assert_eq!(
            status(&app, "GET", "/api/v1/workers/w1/heartbeat").await,
            404
        );
        assert_eq!(
            status(&app, "GET", "/elsewhere/at/all").await,
            418,
            "{name}"
        );
        assert_eq!(log.lines(), Vec::<serde_json::Value>::new(), "{name}");
        let own = counted(&test, OPERATIONAL);
        assert!(
            own.contains(&("GET /status/history".into(), 1)),
            "{name}: {own:?}"
        );
        let api = counted(&test, REQUESTS);
        assert_eq!(api.len(), 1, "{name}: {api:?}");
    }
}

#[tokio::test]
async fn a_method_of_the_service_s_own_stands_beside_ours_on_one_path() {
    let test = ready();
    let app = Router::new()
        .route("/metrics", post(|body: String| async move { body }))
        .route("/api/v1/workers/{id}/heartbeat", delete(teapot));
    let app = test.telemetry().mount(app);
    let posted = Request::post("/metrics")
        .body(Body::from("pushed"))
        .unwrap();
    let posted = into_ok(app.clone().oneshot(posted).await);
    assert_eq!(
        posted.into_body().collect().await.unwrap().to_bytes(),
        "pushed"
    );
    assert!(body(&app, "GET", "/metrics").await.contains("# TYPE"));
    assert_eq!(status(&app, "PUT", "/metrics").await, 405);
    assert_eq!(
        status(&app, "DELETE", "/api/v1/workers/w1/heartbeat").await,
        418
    );
    assert_eq!(
        status(&app, "GET", "/api/v1/workers/w1/heartbeat").await,
        404
    );
    // The service's own is a request to its API, and ours is not, in whatever order they come.
    assert!(counted(&test, REQUESTS).contains(&("POST /metrics".into(), 1)));
    assert!(counted(&test, OPERATIONAL).contains(&("GET /metrics".into(), 1)));
}

#[tokio::test]
async fn a_mounted_router_can_be_nested_and_layered() {
    let test = ready();
    let app = Router::new().route("/posts/{id}", get(teapot));
    let mounted = test.telemetry().mount(app);
    let outer = Router::new()
        .nest("/shop", mounted)
        .route("/", get(|| async { "outside" }))
        .fallback(|| async { StatusCode::GONE });
    assert_eq!(status(&outer, "GET", "/shop/posts/7").await, 418);
    assert_eq!(status(&outer, "GET", "/shop/metrics").await, 200);
    assert_eq!(status(&outer, "GET", "/shop/status").await, 200);
    assert_eq!(status(&outer, "GET", "/shop/nowhere").await, 404);
    assert_eq!(status(&outer, "GET", "/metrics").await, 410);
    assert_eq!(body(&outer, "GET", "/").await, "outside");
    let api = counted(&test, REQUESTS);
    let expected = [("GET ", 1), ("GET /shop/posts/{id}", 1)];
    assert_eq!(
        api,
        expected.map(|(route, count)| (route.to_owned(), count))
    );
}

#[tokio::test]
async fn the_halves_are_all_routes_and_share_none() {
    for role in [Role::Api, Role::Worker] {
        let test = TestTelemetry::with_config(Config::new("test", role), &[]).unwrap();
        let telemetry = test.telemetry();
        test.tick();
        let (public, internal) = (telemetry.public_routes(), telemetry.internal_routes());
        let mut halves = [0, 0];
        for served in test.served_paths() {
            let path = served.path.replace(['{', '}'], "");
            let mut answers = 0;
            for (half, count) in [&public, &internal].into_iter().zip(&mut halves) {
                // An unknown id is a 404 too; a method that no route has tells them apart.
                let there = status(half, "PATCH", &path).await == 405;
                answers += usize::from(there);
                *count += usize::from(there);
            }
            assert_eq!(answers, 1, "{path}");
        }
        assert!(halves.iter().all(|count| *count > 0), "{halves:?}");
        for path in ["/metrics", "/api/v1/health/live", "/api/v1/slo"] {
            assert_eq!(status(&public, "GET", path).await, 404, "{path}");
            assert_eq!(status(&internal, "GET", path).await, 200, "{path}");
        }
        // Both on one port, as if they were one.
        let both: Router = telemetry.public_routes().merge(telemetry.internal_routes());
        assert_eq!(status(&both, "GET", "/metrics").await, 200);
        assert_eq!(status(&both, "GET", "/api/v1/health").await, 200);
    }
}

#[tokio::test]
async fn a_prefix_moves_every_path_and_leaves_the_others_to_the_service() {
    let mut config = Config::new("test", Role::Api);
    config.http.prefix = "/ops".into();
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    test.tick();
    let app = Router::new()
        .route("/status", get(teapot))
        .route("/metrics", get(teapot))
        .fallback(teapot);
    let mounted = test.telemetry().mount(app.clone());
    let merged = app
        .layer(test.telemetry().http_layer())
        .merge(test.telemetry().routes());
    for router in [&mounted, &merged] {
        for served in test.served_paths() {
            let path = served.path.replace(['{', '}'], "");
            assert!(path.starts_with("/ops/"), "{path}");
            assert_eq!(status(router, "PATCH", &path).await, 405, "{path}");
            let moved = path.strip_prefix("/ops").unwrap();
            assert_eq!(status(router, "GET", moved).await, 418, "{moved}");
        }
        assert_eq!(status(router, "GET", "/ops/status/").await, 200);
        assert_eq!(status(router, "GET", "/ops/elsewhere").await, 418);
    }
    let own = counted(&test, OPERATIONAL);
    assert!(own.contains(&("GET /ops/status/".into(), 2)), "{own:?}");
    assert!(
        !counted(&test, REQUESTS)
            .iter()
            .any(|(route, _)| route.contains("/ops"))
    );
}

#[test]
fn taking_a_half_and_mounting_end_registration() {
    for take in [
        (|test| drop(test.telemetry().mount(Router::new()))) as fn(&TestTelemetry),
        |test| drop(test.telemetry().public_routes::<()>()),
        |test| drop(test.telemetry().internal_routes::<()>()),
    ] {
        let test = TestTelemetry::new();
        test.tick();
        assert!(!test.telemetry().is_ready());
        take(&test);
        test.tick();
        assert!(test.telemetry().is_ready());
    }
}

#[tokio::test]
async fn a_route_of_ours_is_counted_where_clients_find_it_however_it_is_nested() {
    type NamedApp = (&'static str, fn(Router) -> Router);
    let nests: [NamedApp; 4] = [
        ("/shop", |mounted| Router::new().nest("/shop", mounted)),
        ("/shop", |mounted| {
            Router::new().nest_service("/shop", mounted)
        }),
        ("/{tenant}", |mounted| {
            // `nest` takes no router with a fallback below a parameter.
            Router::new().nest_service("/{tenant}", mounted)
        }),
        ("/a/shop", |mounted| {
            // `nest` keeps the fallback of a router, and not that of one nested in it.
            Router::new().nest_service("/a", Router::new().nest("/shop", mounted))
        }),
    ];
    for (prefix, nest) in nests {
        for wildcard in [false, true] {
            let test = ready();
            let app = match wildcard {
                true => Router::new().route("/{*path}", get(teapot)),
                false => Router::new(),
            };
            let app = nest(test.telemetry().mount(app));
            let at = prefix.replace(['{', '}'], "");
            for path in ["/metrics", "/api/v1/health/live/", "/status/history"] {
                assert_eq!(
                    status(&app, "GET", &format!("{at}{path}")).await,
                    200,
                    "{wildcard} {at}{path}"
                );
            }
            let missing = format!("{at}/api/v1/workers/w1/heartbeat");
            assert_eq!(
                body(&app, "GET", &missing).await,
                r#"{"error":"no such worker"}"#,
                "its own parameter, and not that of the service"
            );
            let own = counted(&test, OPERATIONAL);
            for route in [
                "/metrics",
                "/api/v1/health/live/",
                "/status/history",
                "/api/v1/workers/{worker_id}/heartbeat",
            ] {
                let expected = (format!("GET {prefix}{route}"), 1);
                assert!(own.contains(&expected), "{wildcard} {own:?}");
            }
            assert_eq!(counted(&test, REQUESTS), []);
        }
    }
}

#[tokio::test]
async fn a_layer_outside_learns_that_a_nested_route_is_ours_also_behind_a_wildcard() {
    let test = ready();
    let app = Router::new().route("/{*path}", get(teapot));
    let mounted = test.telemetry().mount(app);
    let outer = Router::new()
        .nest_service("/shop", mounted)
        .layer(test.telemetry().http_layer());
    assert_eq!(status(&outer, "GET", "/shop/metrics").await, 200);
    assert_eq!(counted(&test, REQUESTS), []);
    assert_eq!(status(&outer, "GET", "/shop/posts").await, 418);
    let expected = [("GET /shop/{*path}".to_owned(), 1)];
    assert_eq!(counted(&test, REQUESTS), expected);
}
