//! Links of the pages, followed as a reader would: below a path, behind a proxy, with a configured URL.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use vantage_obs::incidents::NewIncident;
use vantage_obs::{Config, Role};

use super::*;
use crate::support::OBJECTIVES;

async fn with_an_incident(config: Config) -> TestTelemetry {
    let test = TestTelemetry::with_config(config, &OBJECTIVES).unwrap();
    for _ in 0..15 {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        tokio::task::yield_now().await;
    }
    let outage = NewIncident::new("Carts are empty", "We look into it.");
    test.telemetry().incidents().open(outage).await.unwrap();
    test
}

/// Returns where a link leads of the page of this path, as a browser follows it.
fn followed(link: &str, path: &str) -> String {
    if !link.starts_with('.') {
        return link.to_owned();
    }
    let mut segments: Vec<_> = path.split('/').collect();
    segments.pop();
    for segment in link.split('/') {
        match segment {
            "." => {}
            ".." => assert!(segments.pop().is_some(), "{path}: {link}"),
            _ => segments.push(segment),
        }
    }
    segments.join("/")
}

/// Returns the paths that the pages link to, and those that these link to, of a router that is reached at
/// `origin`.
async fn crawl(
    router: &Router,
    first: &str,
    origin: &str,
    headers: &[(&str, &str)],
) -> BTreeSet<String> {
    let (mut seen, mut rest) = (BTreeSet::new(), vec![first.to_owned()]);
    while let Some(path) = rest.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let mut request = Request::get(&path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let page = send_to(router.clone(), request.body(Body::empty()).unwrap()).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        for part in page.body.split("href=\"").skip(1) {
            let link = part.split('"').next().unwrap();
            let link = link.strip_prefix(origin).unwrap_or(link);
            let link = followed(link, &path);
            if link.starts_with('/') {
                rest.push(link);
            } else {
                assert!(
                    link.starts_with(['?', '#']) || link.starts_with("data:"),
                    "{path}: {link}"
                );
            }
        }
    }
    seen
}

#[tokio::test]
async fn every_link_of_nested_routes_leads_to_one_of_them() {
    let test = with_an_incident(Config::new("test", Role::Api)).await;
    let routes = test.telemetry().routes();
    let nested = Router::new().nest("/t/{tenant}/ops", routes);
    let host = [("host", "shop.example")];
    let seen = crawl(&nested, "/t/acme/ops/status", "http://shop.example", &host).await;
    for path in [
        "/status/slo",
        "/status/history",
        "/status/feed.atom",
        "/api/v2/summary.json",
    ] {
        let path = format!("/t/acme/ops{path}");
        assert!(seen.contains(&path), "{path}: {seen:?}");
    }
    let incidents = seen
        .iter()
        .filter(|path| path.contains("/status/incidents/"));
    assert_eq!(incidents.count(), 2, "the page and its JSON: {seen:?}");
}

#[tokio::test]
async fn parameters_of_the_path_around_are_none_of_a_route() {
    let mut config = Config::new("test", Role::Api).role(Role::Worker);
    config.health.details = vantage_obs::config::HealthDetails::OpenCodes;
    let test = with_an_incident(config).await;
    let _worker = test.telemetry().worker("w1");
    let check = test.telemetry().health_check("db");
    check.run(async || vantage_obs::health::Finding::pass());
    for _ in 0..15 {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        tokio::task::yield_now().await;
    }
    let nested = Router::new().nest("/{a}/{b}", test.telemetry().routes());
    for path in [
        "/api/v1/workers/w1/heartbeat",
        "/api/v1/health/check/db",
        "/api/v1/health/ready",
        "/api/v1/health",
    ] {
        let request = Request::get(format!("/x/db{path}")).body(Body::empty());
        let direct = get(&test, path).await;
        let below = send_to(nested.clone(), request.unwrap()).await;
        assert_eq!(below.status(), direct.status(), "{path}: {}", below.body);
        assert_eq!(below.status(), StatusCode::OK, "{path}: {}", below.body);
    }
}

#[tokio::test]
async fn every_link_follows_the_prefix_wherever_the_routes_are() {
    let mut config = Config::new("test", Role::Api);
    config.http.prefix = "/t/ops/".into();
    let test = with_an_incident(config).await;
    let telemetry = test.telemetry();
    let host = [("host", "shop.example")];
    let mounted = telemetry.mount(Router::new());
    for (router, around) in [
        (telemetry.routes(), ""),
        (mounted.clone(), ""),
        (telemetry.public_routes(), ""),
        (Router::new().nest("/shop", mounted), "/shop"),
        (Router::new().nest("/shop", telemetry.routes()), "/shop"),
    ] {
        let first = format!("{around}/t/ops/status");
        let seen = crawl(&router, &first, "http://shop.example", &host).await;
        for path in [
            "/status/slo",
            "/status/slo.json",
            "/status/history",
            "/status/feed.atom",
            "/api/v2/summary.json",
        ] {
            let path = format!("{around}/t/ops{path}");
            assert!(seen.contains(&path), "{path}: {seen:?}");
        }
        let inside = format!("{around}/t/ops/");
        assert!(
            seen.iter().all(|path| path.starts_with(&inside)),
            "{seen:?}"
        );
        for document in ["/status/feed.atom", "/api/v2/incidents.json"] {
            let request = Request::get(format!("{around}/t/ops{document}"));
            let request = request.header("host", "shop.example").body(Body::empty());
            let body = send_to(router.clone(), request.unwrap()).await.body;
            let link = format!("http://shop.example{around}/t/ops/status/incidents/");
            assert!(body.contains(&link), "{body}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_strips_a_path_is_followed_before_the_prefix() {
    let mut config = Config::new("test", Role::Api);
    config.http.prefix = "/ops".into();
    let test = with_an_incident(config).await;
    let proxied = [("host", "shop.example"), ("x-forwarded-prefix", "/shop")];
    let feed = send(&test, "GET", "/ops/status/feed.atom", &proxied)
        .await
        .body;
    let link = "http://shop.example/shop/ops/status/incidents/";
    assert!(feed.contains(link), "{feed}");
    for (url, base) in [
        ("https://status.example", "https://status.example/ops"),
        ("https://a.example/shop/ops", "https://a.example/shop/ops"),
    ] {
        let mut config = Config::new("test", Role::Api);
        config.http.prefix = "/ops".into();
        config.status.url = Some(url.into());
        let test = with_an_incident(config).await;
        let feed = send(&test, "GET", "/ops/status/feed.atom", &proxied)
            .await
            .body;
        assert!(
            feed.contains(&format!("\"{base}/status/feed.atom\"")),
            "{feed}"
        );
    }
}

#[tokio::test]
async fn links_follow_a_proxy_that_says_so() {
    let test = with_an_incident(Config::new("test", Role::Api)).await;
    let proxied = [
        ("host", "10.0.0.1:8080"),
        (
            "forwarded",
            "for=192.0.2.1;proto=https;host=status.example, for=10.0.0.7",
        ),
        ("x-forwarded-prefix", "/ops"),
    ];
    let feed = send(&test, "GET", "/status/feed.atom", &proxied).await.body;
    assert!(
        feed.contains("href=\"https://status.example/ops/status/feed.atom\""),
        "{feed}"
    );
    let page = send(&test, "GET", "/status", &proxied).await;
    // Below whatever the page is read at.
    assert!(
        page.body.contains("href=\"./status/history\""),
        "{}",
        page.body
    );
    let page_with_slash = send(&test, "GET", "/status/", &proxied).await.body;
    assert!(
        page_with_slash.contains("href=\"../status/history\""),
        "{page_with_slash}"
    );
    assert!(page.header(header::VARY).contains("x-forwarded-prefix"));
    let slo = send(&test, "GET", "/status/slo", &proxied).await.body;
    assert!(slo.contains("href=\"../status/slo.json\""), "{slo}");
    let direct = get(&test, "/status").await.body;
    assert!(
        direct.contains("href=\"/status/history\""),
        "not the page of another prefix"
    );
}

#[tokio::test]
async fn links_begin_with_the_configured_url() {
    let mut config = Config::new("test", Role::Api);
    config.status.url = Some("https://status.example/ops/".into());
    let test = with_an_incident(config).await;
    let hostile = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    for path in ["/status/feed.atom", "/api/v2/incidents.json"] {
        let body = send(&test, "GET", path, &hostile).await.body;
        assert!(
            body.contains("https://status.example/ops/status/incidents/"),
            "{body}"
        );
        assert!(!body.contains("evil"), "{body}");
    }
}
