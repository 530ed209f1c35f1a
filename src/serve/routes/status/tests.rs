mod bounds;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::super::add_route;
use super::*;
use crate::model::routes::{ROUTES, RouteKind};
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{ReportSource, SloReport};
use crate::model::snapshot::slo::LatestSloReport;
use crate::model::status::StatusSnapshot;
use crate::serve::pages::fixture;

fn router(snapshot: Option<StatusSnapshot>) -> Router {
    router_with_base(snapshot, None)
}

fn router_with_base(snapshot: Option<StatusSnapshot>, base: Option<LinkBase>) -> Router {
    router_of(&status_routes(snapshot, base))
}

fn status_routes(snapshot: Option<StatusSnapshot>, base: Option<LinkBase>) -> Arc<StatusRoutes> {
    let latest = LatestStatus::default();
    if let Some(snapshot) = snapshot {
        latest.publish(snapshot);
    }
    let clock = Clock::manual(fixture::now().into());
    let supervisor = Supervisor::default();
    let routes = StatusRoutes::new(latest, clock, "shop".into(), base, &supervisor);
    Arc::new(routes)
}

fn router_of(routes: &Arc<StatusRoutes>) -> Router {
    let paths = public_paths().map(|(path, document)| (path, route(document, Arc::clone(routes))));
    paths.fold(Router::new(), |router, (path, methods)| {
        add_route(router, path, methods)
    })
}

fn public_paths() -> impl Iterator<Item = (&'static str, PublicDocument)> {
    ROUTES.iter().flat_map(|route| {
        route.paths().filter_map(|path| match route.kind {
            RouteKind::Public(document) => Some((path, document)),
            _ => None,
        })
    })
}

fn statuspage_paths() -> impl Iterator<Item = &'static str> {
    let paths = public_paths();
    let paths = paths.filter(|(_, document)| matches!(document, PublicDocument::Statuspage(_)));
    paths.map(|(path, _)| path)
}

async fn send(router: &Router, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "status.example").body(Body::empty());
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (parts.status, parts.headers, body)
}

async fn get_json(router: &Router, path: &str) -> Value {
    let (status, headers, body) = send(router, "GET", path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    serde_json::from_str(&body).unwrap()
}

fn one_incident() -> String {
    let id = crate::model::status::StatusId::from_key("Posts are published late");
    format!("/status/incidents/{id}")
}

#[tokio::test]
async fn every_path_answers_and_head_as_get() {
    let router = router(Some(fixture::snapshot(5, 20)));
    let paths = public_paths().filter(|(_, document)| *document != PublicDocument::Notice);
    let mut paths: Vec<_> = paths.map(|(path, _)| path.to_owned()).collect();
    paths.extend([one_incident(), format!("{}.json", one_incident())]);
    assert!(paths.len() >= 17, "{paths:?}");
    for path in paths {
        let (status, headers, body) = send(&router, "GET", &path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            !body.is_empty() && headers.contains_key(header::ETAG),
            "{path}"
        );
        let (status, same, body) = send(&router, "HEAD", &path).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""), "{path}");
        assert_eq!(same[header::ETAG], headers[header::ETAG], "{path}");
        let is_page = headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html");
        assert_eq!(
            headers.contains_key(header::CONTENT_SECURITY_POLICY),
            is_page,
            "{path}"
        );
    }
}

#[tokio::test]
async fn missing_snapshot_is_503_and_unknown_incident_404() {
    let early = router(None);
    let (status, headers, body) = send(&early, "GET", "/status").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key(header::RETRY_AFTER) && body.contains("No status yet"));
    let late = router(Some(fixture::snapshot(1, 20)));
    for id in [
        "aaaaaaaaaaaa",
        "aaaaaaaaaaaa.json",
        "<script>",
        "%3Cscript%3E",
    ] {
        let path = format!("/status/incidents/{id}")
            .replace('<', "%3C")
            .replace('>', "%3E");
        let (status, _, body) = send(&late, "GET", &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
        assert!(!body.contains("script"), "{body}");
    }
}

/// Everything that a strict client knows of Statuspage's objects, by the key of what holds them.
fn known_fields(object: &str) -> &'static [&'static str] {
    match object {
        "" => &[
            "page",
            "components",
            "incidents",
            "scheduled_maintenances",
            "status",
        ],
        "page" => &["id", "name", "url", "time_zone", "updated_at"],
        "status" => &["indicator", "description"],
        "components" => &[
            "id",
            "name",
            "status",
            "created_at",
            "updated_at",
            "position",
            "description",
            "showcase",
            "start_date",
            "group_id",
            "page_id",
            "group",
            "only_show_if_degraded",
        ],
        "incidents" => &[
            "id",
            "name",
            "status",
            "created_at",
            "updated_at",
            "monitoring_at",
            "resolved_at",
            "impact",
            "shortlink",
            "started_at",
            "page_id",
            "incident_updates",
            "components",
            "reminder_intervals",
        ],
        "scheduled_maintenances" => &[
            "id",
            "name",
            "status",
            "created_at",
            "updated_at",
            "monitoring_at",
            "resolved_at",
            "impact",
            "shortlink",
            "started_at",
            "page_id",
            "incident_updates",
            "components",
            "reminder_intervals",
            "scheduled_for",
            "scheduled_until",
        ],
        "incident_updates" => &[
            "id",
            "status",
            "body",
            "incident_id",
            "created_at",
            "updated_at",
            "display_at",
            "affected_components",
            "deliver_notifications",
            "custom_tweet",
            "tweet_id",
        ],
        "affected_components" => &["code", "name", "old_status", "new_status"],
        other => panic!("{other} is not known"),
    }
}

/// Reads as a client does that refuses whatever it doesn't know.
fn check_strictly(name: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            // Only of the outermost one some members may be missing.
            let known = known_fields(name);
            assert!(
                name.is_empty() || members.len() == known.len(),
                "{name}: {members:?}"
            );
            for (key, member) in members {
                assert!(known.contains(&key.as_str()), "{name}.{key}");
                check_strictly(key, member);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|one| check_strictly(name, one)),
        Value::String(text) if name.ends_with("_at") || name.starts_with("scheduled_") => {
            let time = text.as_bytes();
            assert_eq!(
                (time.len(), time[19], time[23]),
                (24, b'.', b'Z'),
                "{name}: {text}"
            );
        }
        Value::String(text) if name == "id" || name.ends_with("_id") || name == "code" => {
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(text.len() == 12 && text.chars().all(fine), "{name}: {text}");
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_strict_client_of_statuspage_understands_everything() {
    let mut snapshot = fixture::snapshot(5, 20);
    let begun = fixture::maintenance("Under way", fixture::hours_ago(1));
    snapshot.maintenances.push(begun);
    snapshot.maintenances[1].status = crate::model::status::MaintenanceStatus::InProgress;
    let router = router(Some(snapshot));
    for path in statuspage_paths() {
        let answer = get_json(&router, path).await;
        check_strictly("", &answer);
        let (updates, mut newest) = (&answer["incidents"][0]["incident_updates"], None);
        for update in updates.as_array().into_iter().flatten() {
            let at = update["created_at"].as_str().unwrap().to_owned();
            assert!(newest.is_none_or(|newest| at <= newest), "{path}");
            newest = Some(at);
        }
    }
    let names = |answer: &Value, key: &str| {
        let all = answer[key].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let summary = get_json(&router, "/api/v2/summary.json").await;
    assert_eq!(summary["page"]["url"], "http://status.example");
    assert_eq!(summary["status"]["indicator"], "major");
    assert_eq!(names(&summary, "incidents"), ["Posts are published late"]);
    let all = get_json(&router, "/api/v2/incidents.json").await;
    assert_eq!(names(&all, "incidents").len(), 3);
    let resolved = &all["incidents"][1]["incident_updates"][0]["affected_components"][0];
    assert_eq!(resolved["old_status"], "partial_outage");
    assert_eq!(resolved["new_status"], "operational");
    let key = "scheduled_maintenances";
    let active = get_json(&router, "/api/v2/scheduled-maintenances/active.json").await;
    assert_eq!(names(&active, key), ["Under way"]);
    let upcoming = get_json(&router, "/api/v2/scheduled-maintenances/upcoming.json").await;
    assert_eq!(names(&upcoming, key), ["Move to a larger database"]);
}

#[tokio::test]
async fn component_without_data_is_left_out_of_statuspage() {
    let mut snapshot = fixture::snapshot(2, 20);
    snapshot.incidents.clear();
    for component in &mut snapshot.components {
        component.state = crate::model::status::ComponentState::NoData;
    }
    let summary = get_json(&router(Some(snapshot)), "/api/v2/summary.json").await;
    assert_eq!(summary["components"], serde_json::json!([]));
    assert_eq!(summary["status"]["description"], "Status Unknown");
}

const EVIL: &str = "</title><script>alert(1)</script>\"' onload='x' ]]>&amp;\u{0}\u{202e}\u{fffe}";

#[tokio::test]
async fn text_of_incidents_is_escaped_everywhere() {
    let mut snapshot = fixture::snapshot(2, 20);
    let evil: Arc<str> = EVIL.into();
    snapshot.title = Arc::clone(&evil);
    let component = &mut snapshot.components[0];
    component.name = Arc::clone(&evil);
    component.key = Arc::clone(&evil);
    component.description = Some(Arc::clone(&evil));
    for incident in &mut snapshot.incidents {
        incident.title = Arc::clone(&evil);
        incident.affected[0].name = Arc::clone(&evil);
        incident.affected[0].key = Arc::clone(&evil);
        incident.updates[0].body = Arc::clone(&evil);
    }
    let planned = &mut snapshot.maintenances[0];
    planned.title = Arc::clone(&evil);
    planned.updates[0].body = Arc::clone(&evil);
    planned.affected[0].name = evil;
    let id = snapshot.incidents[0].id;
    let router = router(Some(snapshot));
    let incident = format!("/status/incidents/{id}");
    for path in [
        "/status",
        "/status/incidents",
        "/status/history",
        "/status/feed.atom",
        &incident,
    ] {
        let (status, _, body) = send(&router, "GET", path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            body.contains("script&#62;alert(1)") || body.contains("script&#38;#62;alert(1)"),
            "{path}"
        );
        let raw = [
            "<script", "</script", "onload='", "]]>", "\u{0}", "\u{202e}", "\u{fffe}",
        ];
        for part in raw {
            assert!(!body.contains(part), "{path} has {part:?}");
        }
    }
    for path in statuspage_paths().chain(["/status.json", "/status/history.json"]) {
        let answer = get_json(&router, path).await.to_string();
        assert!(!answer.contains('\u{202e}'), "{path}");
    }
}

/// Returns where a link of a document leads that is read at this path, as a browser follows it.
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

/// Returns where the links lead of every document that has some, to this request; `read_below` is the prefix
/// in the address of its reader.
async fn links(
    router: &Router,
    prefix: &str,
    headers: &[(&str, &str)],
    read_below: &str,
) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for path in [
        "/status",
        "/status/",
        "/status/incidents",
        "/status/history/",
        "/status/feed.atom",
        "/api/v2/incidents.json",
        &one_incident(),
    ] {
        let mut request = Request::get(format!("{prefix}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{prefix}{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        for start in ["href=\"", "\"url\":\"", "\"shortlink\":\""] {
            let found = body.split(start).skip(1);
            let found = found.map(|rest| rest.split('"').next().unwrap());
            let found = found.map(|link| followed(link, &format!("{read_below}{path}")));
            let found =
                found.filter(|link| !link.starts_with(['#', '?']) && !link.starts_with("data:"));
            links.extend(found.map(|link| (path.to_owned(), link)));
        }
    }
    assert!(links.len() > 25, "{links:?}");
    links
}

/// Requires every link of a page to be below `prefix`, and every other one to be below `base`.
fn assert_links(links: &[(String, String)], base: &str, prefix: &str) {
    for (document, link) in links {
        let is_page = !document.ends_with(".json") && !document.ends_with(".atom");
        let expected = if is_page { prefix } else { base };
        let below = link
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{document}: {link}"));
        let is_route = below.starts_with("/status") || below.starts_with("/api/v2/");
        let is_root = below.is_empty() || (base.is_empty() && below == "/");
        let fine = is_route || is_root;
        assert!(fine, "{document}: {link} is not below {expected}");
    }
}

#[tokio::test]
async fn links_lead_to_where_the_request_came_from() {
    let own = ("host", "own:8080");
    let evil = ("host", "me:secret@evil");
    for (prefix, headers, base, links_prefix) in [
        ("", &[own][..], "http://own:8080", ""),
        // As HTTP/2 has it: no host, but an authority and a scheme.
        ("https://h2.example", &[], "https://h2.example", ""),
        ("", &[evil], "", ""),
        (
            "",
            &[own, ("forwarded", "proto=https;host=a.example")],
            "https://a.example",
            "",
        ),
        (
            "",
            &[
                ("x-forwarded-host", "a"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-port", "8443"),
                ("x-forwarded-prefix", "/ops"),
            ],
            "https://a:8443/ops",
            "/ops",
        ),
    ] {
        let router = router(Some(fixture::snapshot(2, 20)));
        let links = links(&router, prefix, headers, links_prefix).await;
        assert_links(&links, base, links_prefix);
    }
}

#[tokio::test]
async fn links_follow_a_nested_router() {
    let status = router(Some(fixture::snapshot(2, 20)));
    let nested = Router::new().nest("/t/{tenant}", Router::new().nest("/ops", status));
    let prefix = "/t/acme/ops";
    let found = links(&nested, prefix, &[("host", "own")], prefix).await;
    assert_links(&found, "http://own/t/acme/ops", prefix);
    for (document, link) in found {
        let path = link.strip_prefix("http://own").unwrap_or(&link);
        // The page of the objectives is no document of this router.
        if path != prefix && !path.ends_with("/status/slo") {
            let (status, ..) = send(&nested, "GET", path).await;
            assert_eq!(status, StatusCode::OK, "{document}: {link}");
        }
    }
}

#[tokio::test]
async fn links_begin_with_the_configured_url() {
    let base = LinkBase::from_url("https://status.example/ops");
    let router = router_with_base(Some(fixture::snapshot(2, 20)), base);
    let forwarded = ("forwarded", "host=evil;proto=http");
    let headers = [("host", "10.0.0.1"), forwarded];
    let links = links(&router, "", &headers, "/ops").await;
    assert_links(&links, "https://status.example/ops", "/ops");
}

#[tokio::test]
async fn a_prefix_that_a_request_invents_costs_no_document() {
    let routes = status_routes(Some(fixture::snapshot(2, 20)), None);
    let router = Router::new()
        .nest("/t/{tenant}", router_of(&routes))
        .merge(router_of(&routes));
    let rendered = || {
        let documents = routes.common.source();
        documents.rendered.load(std::sync::atomic::Ordering::SeqCst)
    };
    let honest = send(&router, "GET", "/status").await;
    let mut bodies = std::collections::BTreeSet::new();
    for number in 0..200 {
        for (path, header) in [
            ("/status".to_owned(), format!("/{number}")),
            (format!("/t/{number}/status"), String::new()),
            (format!("/t/{number}/status"), format!("/{number}")),
        ] {
            let request = Request::get(path).header("x-forwarded-prefix", header);
            let request = request.body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            bodies.insert(body);
        }
    }
    assert_eq!(bodies.len(), 1, "one document for all of them");
    assert_eq!(
        routes.document_count(),
        2,
        "that one, and the one without a prefix"
    );
    assert_eq!(send(&router, "GET", "/status").await.2, honest.2);
    assert_eq!(rendered(), 2, "none was made again");
}

#[tokio::test]
async fn every_variant_of_a_page_is_one_document() {
    let routes = status_routes(Some(fixture::snapshot(2, 20)), None);
    let router = router_of(&routes);
    let paths = public_paths().filter(|(_, one)| matches!(one, PublicDocument::Page(_)));
    let paths: Vec<_> = paths.map(|(path, _)| path).collect();
    for path in paths {
        for prefix in ["", "/a", "/b", "/c"] {
            for accept in ["text/html", "application/json"] {
                for rest in ["", "/", "?refresh=off", "/?refresh=off", "?x=1"] {
                    let request = Request::get(format!("{path}{rest}"));
                    let request = request.header("x-forwarded-prefix", prefix);
                    let request = request.header("accept", accept).body(Body::empty());
                    let _ = router.clone().oneshot(request.unwrap()).await.unwrap();
                }
            }
        }
    }
    // Of each of three pages: JSON, and HTML without a prefix and below one at two depths, with and without a
    // refresh.
    assert_eq!(routes.document_count(), 3 * (1 + 3 * 2));
}

fn slo_page_routes() -> Arc<SloPageRoutes> {
    let report = LatestSloReport::default();
    report.publish(SloReport::new(fixture::now(), ReportSource::Local));
    let settings = SloPageSettings {
        latest: report,
        policy: BurnRatePolicy::platform(),
        brand: "shop".into(),
        public: true,
    };
    Arc::new(SloPageRoutes::new(settings, None, Supervisor::default()))
}

/// For `.ci/pages`, which opens the pages in a browser: `COMPONENTS` of them, 50 without that.
#[tokio::test]
#[ignore = "serves until it is stopped"]
async fn pages_of_a_busy_service_are_served() {
    let count = std::env::var("COMPONENTS")
        .ok()
        .and_then(|text| text.parse().ok());
    let objectives = slo_page_routes();
    let slo_page = get(slo_page).with_state(objectives);
    let router = router(Some(fixture::snapshot(count.unwrap_or(50), 20)))
        .route("/status/slo", slo_page.clone())
        .route("/status/slo.json", slo_page);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("listening on http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}
