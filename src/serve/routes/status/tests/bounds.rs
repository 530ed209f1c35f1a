//! Documents of a service with much to tell, and of readers who ask for whatever they can.

use std::io::Read as _;
use std::sync::atomic::Ordering;

use super::*;
use crate::model::status::{ComponentState, Incident, IncidentStatus, StatusUpdate};

/// The size that no document exceeds, whatever was written: 50 incidents with the longest texts that a list
/// shows, which markup and escapes make longer.
const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;
/// The longest text of an update.
const MAX_BODY_BYTES: usize = 10_000;

/// Returns a snapshot with so many incidents, the newest first, each of them with so many updates of a size.
fn eventful(incidents: usize, updates: usize, body_bytes: usize) -> StatusSnapshot {
    let mut snapshot = fixture::snapshot(5, 20);
    let body: Arc<str> = "x".repeat(body_bytes).into();
    let incident = |number: usize| {
        let hours = i64::try_from(number).unwrap() + 1;
        let began = fixture::hours_ago(hours);
        let mut incident = fixture::incident(&format!("Incident {number}"), began, Some(began));
        lengthen(&mut incident, updates, &body);
        incident
    };
    snapshot.incidents = (0..incidents).map(incident).collect();
    snapshot
}

/// Gives an incident so many updates, the newest first: `update 0` is the oldest.
fn lengthen(incident: &mut Incident, updates: usize, body: &str) {
    let first = incident.updates[0].clone();
    let update = |number: usize| StatusUpdate {
        id: crate::model::status::StatusId::from_key(&number.to_string()),
        body: format!("update {number} {body}").into(),
        ..first.clone()
    };
    incident.updates = (0..updates).rev().map(update).collect();
}

fn rendered(routes: &StatusRoutes) -> u64 {
    routes.common.source().rendered.load(Ordering::SeqCst)
}

/// Returns a body, decompressed, and the ETag.
async fn get_as(router: &Router, path: &str, headers: &[(&str, &str)]) -> (String, String) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let mut text = String::new();
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let mut decoder = flate2::read::GzDecoder::new(&*bytes);
        decoder.read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes.to_vec()).unwrap();
    }
    let etag = parts.headers[header::ETAG].to_str().unwrap().to_owned();
    (text, etag)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_readers_by_as_many_hosts_cost_one_rendering_for_each_change() {
    let routes = status_routes(Some(eventful(240, 3, 300)), None);
    let router = router_of(&routes);
    let paths = public_paths().filter(|(_, document)| *document != PublicDocument::Notice);
    for (count, (path, _)) in (1..).zip(paths) {
        for changes in 1..=2 {
            if changes == 2 {
                routes.latest.publish(eventful(241, 3, 300));
            }
            let before = rendered(&routes);
            let readers = (0..16).map(|number| {
                let (router, host) = (router.clone(), format!("host-{number}.example"));
                tokio::spawn(async move { get_as(&router, path, &[("host", &host)]).await })
            });
            let readers: Vec<_> = readers.collect();
            for (number, reader) in readers.into_iter().enumerate() {
                let (text, _) = reader.await.unwrap();
                let named = text.contains(&format!("http://host-{number}.example"));
                let is_absolute = path.starts_with("/api/v2/") || path.ends_with(".atom");
                assert_eq!(named, is_absolute, "{path}");
                assert!(!text.contains(".invalid"), "{path}");
            }
            assert_eq!(rendered(&routes) - before, 1, "{path}");
        }
        assert_eq!(routes.document_count(), count, "{path}");
    }
}

#[tokio::test]
async fn a_document_is_compressed_with_the_base_of_each_request() {
    let router = router(Some(eventful(60, 3, 300)));
    for path in ["/status/feed.atom", "/api/v2/incidents.json", "/status"] {
        let mut tags = std::collections::BTreeSet::new();
        for host in ["a.example", "b.example:8443"] {
            let own = ("host", host);
            let (plain, tag) = get_as(&router, path, &[own]).await;
            let gzip = get_as(&router, path, &[own, ("accept-encoding", "gzip")]).await;
            assert_eq!(gzip, (plain.clone(), tag.clone()), "{path}");
            if path != "/status" {
                let link = format!("http://{host}/status/incidents/");
                assert_eq!(plain.matches(&link).count(), 50, "{path}");
            }
            tags.insert(tag);
        }
        // Another base is another document, unless there is none in it.
        assert_eq!(tags.len(), if path == "/status" { 1 } else { 2 }, "{path}");
        for tag in tags {
            let request = Request::get(path).header("host", "a.example");
            let request = request
                .header(header::IF_NONE_MATCH, &tag)
                .body(Body::empty());
            let response = router.clone().oneshot(request.unwrap()).await.unwrap();
            let is_own = get_as(&router, path, &[("host", "a.example")]).await.1 == tag;
            assert_eq!(response.status() == StatusCode::NOT_MODIFIED, is_own);
        }
    }
}

#[tokio::test]
async fn every_document_is_bounded_whatever_was_written() {
    let mut snapshot = eventful(300, 200, MAX_BODY_BYTES);
    for incident in snapshot.incidents.iter_mut().step_by(2) {
        (incident.status, incident.resolved_at) = (IncidentStatus::Investigating, None);
    }
    let first = snapshot.incidents[0].id;
    let maintenance = |number| {
        let hours = i64::from(number) - 150;
        let mut one = fixture::maintenance(&format!("M {number}"), fixture::hours_ago(hours));
        one.updates[0].body = "x".repeat(MAX_BODY_BYTES).into();
        one
    };
    snapshot.maintenances = (0..300).map(maintenance).collect();
    let router = router(Some(snapshot));
    let paths = public_paths().filter(|(_, document)| *document != PublicDocument::Notice);
    let mut paths: Vec<_> = paths.map(|(path, _)| path.to_owned()).collect();
    paths.extend(["", ".json"].map(|suffix| format!("/status/incidents/{first}{suffix}")));
    let long = "a".repeat(200_000);
    for path in paths {
        let (text, _) = get_as(&router, &path, &[("host", "a.example")]).await;
        assert!(text.len() < MAX_DOCUMENT_BYTES, "{path}: {}", text.len());
        let (by_long_host, _) = get_as(&router, &path, &[("host", &long)]).await;
        assert!(by_long_host.len() <= text.len(), "{path}");
    }
    let feed = get_as(&router, "/status/feed.atom", &[]).await.0;
    assert_eq!(feed.matches("<entry>").count(), 50);
    assert!(feed.contains("Earlier updates are left out here: 199."));
    for (path, key) in [
        ("/api/v2/incidents.json", "incidents"),
        ("/api/v2/incidents/unresolved.json", "incidents"),
        ("/api/v2/summary.json", "scheduled_maintenances"),
        (
            "/api/v2/scheduled-maintenances.json",
            "scheduled_maintenances",
        ),
        ("/status.json", "incidents"),
        ("/status/history.json", "maintenances"),
    ] {
        let answer = get_json(&router, path).await;
        assert_eq!(answer[key].as_array().unwrap().len(), 50, "{path}");
    }
    let page = get_as(&router, "/status/incidents", &[]).await.0;
    assert_eq!(page.matches("Not listed here: 100 more.").count(), 1);
    assert!(page.contains("Earlier updates (199)"));
}

#[tokio::test]
async fn a_short_timeline_is_whole_in_every_list() {
    let router = router(Some(eventful(3, 20, 400)));
    let feed = get_as(&router, "/status/feed.atom", &[]).await.0;
    assert!(feed.contains("update 0 ") && !feed.contains("left out"));
    let all = get_json(&router, "/api/v2/incidents.json").await;
    let updates = all["incidents"][2]["incident_updates"].as_array();
    assert_eq!(updates.unwrap().len(), 20);
    let history = get_json(&router, "/status/history.json").await;
    assert_eq!(history["incidents"][0].get("earlier_updates"), None);
}

#[tokio::test]
async fn an_update_that_a_list_leaves_out_counts_for_the_state_before() {
    let mut snapshot = eventful(1, 2, MAX_BODY_BYTES);
    let updates = &mut snapshot.incidents[0].updates;
    (updates[0].affected[0].state, updates[1].affected[0].state) =
        (ComponentState::Operational, ComponentState::MajorOutage);
    let router = router(Some(snapshot));
    let all = get_json(&router, "/api/v2/incidents.json").await;
    let updates = all["incidents"][0]["incident_updates"].as_array().unwrap();
    assert_eq!(updates.len(), 1);
    let change = &updates[0]["affected_components"][0];
    assert_eq!(change["old_status"], "major_outage");
}

#[tokio::test]
async fn the_history_has_pages_that_hold_each_incident_once() {
    let mut snapshot = eventful(240, 1, 10);
    snapshot.maintenances.clear();
    let routes = status_routes(Some(snapshot), None);
    let router = router_of(&routes);
    let (mut titles, mut path) = (Vec::new(), "/status/history".to_owned());
    let mut pages = 0;
    loop {
        pages += 1;
        let (text, _) = get_as(&router, &path, &[]).await;
        let found = text.split(">Incident ").skip(1);
        titles.extend(found.map(|rest| rest.split('<').next().unwrap().to_owned()));
        assert!(text.contains(&format!("Page {pages} of 5")), "{path}");
        let older = text
            .split("\" rel=\"next\"")
            .next()
            .filter(|rest| *rest != text);
        let Some(older) = older else { break };
        let query = older.rsplit("href=\"").next().unwrap();
        path = format!("/status/history{}", query.replace("&#38;", "&"));
    }
    let expected: Vec<_> = (0..240).map(|number| number.to_string()).collect();
    assert_eq!((pages, titles), (5, expected));
    let mut listed = Vec::new();
    for page in 1..=5 {
        let json = get_json(&router, &format!("/status/history.json?page={page}")).await;
        assert_eq!((&json["page"], &json["pages"]), (&page.into(), &5.into()));
        let incidents = json["incidents"].as_array().unwrap().iter();
        listed.extend(incidents.map(|one| one["title"].as_str().unwrap().to_owned()));
    }
    assert_eq!(listed.len(), 240);
    for query in [
        "page=0",
        "page=6",
        "page=x",
        "page=-1",
        "page=99999999999999999999",
    ] {
        let (status, ..) = send(&router, "GET", &format!("/status/history?{query}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{query}");
    }
    // The reader's choice goes along.
    let (text, _) = get_as(&router, "/status/history?refresh=off&page=2", &[]).await;
    for link in [
        "?refresh=off&#38;page=3",
        "?refresh=off\" rel=\"prev\"",
        "href=\"?page=2\"",
    ] {
        assert!(text.contains(link), "{link}");
    }
}

#[tokio::test]
async fn an_incident_with_many_updates_has_pages() {
    let snapshot = eventful(1, 120, 10);
    let path = format!("/status/incidents/{}", snapshot.incidents[0].id);
    let router = router(Some(snapshot));
    for (page, newest, oldest) in [(1, 119, 70), (2, 69, 20), (3, 19, 0)] {
        let (text, _) = get_as(&router, &format!("{path}?page={page}"), &[]).await;
        let count = text.matches("<li><p><strong>").count();
        assert_eq!(count, newest - oldest + 1, "page {page}");
        for number in [newest, oldest] {
            assert!(text.contains(&format!("update {number} ")), "page {page}");
        }
        assert!(text.contains(&format!("Page {page} of 3")));
        let json = get_json(&router, &format!("{path}.json?page={page}")).await;
        assert_eq!(json["updates"].as_array().unwrap().len(), count);
        assert_eq!(json["pages"], 3);
    }
    let (status, ..) = send(&router, "GET", &format!("{path}?page=4")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn readers_of_every_incident_cost_no_other_document() {
    let snapshot = eventful(240, 1, 10);
    let ids: Vec<_> = snapshot.incidents.iter().map(|one| one.id).collect();
    let routes = status_routes(Some(snapshot), None);
    let router = router_of(&routes);
    get_as(&router, "/status", &[]).await;
    for id in &ids {
        get_as(&router, &format!("/status/incidents/{id}"), &[]).await;
    }
    assert_eq!(rendered(&routes), 241);
    assert_eq!(routes.further.len(), MAX_FURTHER_DOCUMENTS);
    get_as(&router, "/status", &[]).await;
    assert_eq!(rendered(&routes), 241, "the common ones are kept apart");
    for number in 0..500 {
        let (status, ..) = send(&router, "GET", &format!("/status/incidents/{number:0>12}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        rendered(&routes),
        242,
        "of all that are unknown there is one"
    );
}

#[tokio::test]
async fn the_page_of_the_objectives_is_one_document_for_all_hosts_and_prefixes() {
    let routes = slo_page_routes();
    let methods = get(slo_page).with_state(Arc::clone(&routes));
    let router = Router::new()
        .route("/status/slo", methods.clone())
        .route("/status/slo.json", methods);
    let mut bodies = std::collections::BTreeSet::new();
    for number in 0..100 {
        let (host, prefix) = (format!("host-{number}"), format!("/{number}"));
        let headers = [("host", &*host), ("x-forwarded-prefix", &*prefix)];
        bodies.insert(get_as(&router, "/status/slo", &headers).await);
        get_as(&router, "/status/slo.json", &headers).await;
    }
    assert_eq!((bodies.len(), routes.document_count()), (1, 2));
    let page = bodies.pop_first().unwrap().0;
    assert!(page.contains("href=\"../status/history\""), "{page}");
}
