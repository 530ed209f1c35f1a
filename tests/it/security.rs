//! The table of routes in `SECURITY.md`: it has every route, and every answer is what it says.

use std::collections::BTreeMap;
use std::fs;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use vantage_obs::Config;
use vantage_obs::config::Secret;
use vantage_obs::health::Finding;
use vantage_obs::incidents::NewIncident;
use vantage_obs::status::ComponentState;
use vantage_obs::testing::TestTelemetry;

use crate::support::{config, into_ok};

const PAGE: &str = "SECURITY.md";
/// The tokens, in the order of the table's columns.
const TOKENS: [&str; 3] = ["heartbeat-t0ken", "status-t0ken", "details-t0ken"];

/// Other formats of an answer, by query and `Accept`.
const FORMATS: [(&str, &str); 3] = [
    ("?verbose", "*/*"),
    ("?verbose&exclude=x", "application/health+json"),
    ("", "application/health+json"),
];

/// A row: method and path, the answers in the order of [`answers`], and the routes's last cell.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let rows = page.lines().filter(|line| {
        ["| `GET /", "| `POST /", "| `DELETE /"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let route = cells.next().unwrap().trim_matches('`').to_owned();
        (route, cells.map(str::to_owned).collect())
    })
    .collect()
}

/// Returns the paths of `model::routes::ROUTES`, which is private.
fn paths() -> Vec<String> {
    let source = fs::read_to_string("src/model/routes.rs").unwrap();
    let (_, table) = source.split_once("const ROUTES").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    // Every second part is a text.
    let texts = table.split('"').skip(1).step_by(2);
    texts.map(str::to_owned).collect()
}

struct Process {
    test: TestTelemetry,
    incident: String,
}

impl Process {
    async fn start(config: Config) -> Self {
        let test = TestTelemetry::with_config(config, &[]).unwrap();
        let telemetry = test.telemetry();
        let _worker = telemetry.worker("w1");
        let check = telemetry
            .health_check("db")
            .run(|| async { Finding::pass() });
        telemetry.started();
        for _ in 0..20 {
            test.clock().advance(std::time::Duration::from_secs(1));
            test.tick();
            tokio::task::yield_now().await;
        }
        drop(check);
        let incident = NewIncident::new("Slow", "It is looked into.");
        let incident = incident.component("api", ComponentState::PartialOutage);
        let incident = telemetry.incidents().open(incident).await.unwrap();
        let incident = incident.to_string();
        Self { test, incident }
    }

    /// Returns the status of an answer, which no header or query that asks for another format changes.
    async fn status(&self, route: &str, token: Option<&str>) -> String {
        let (status, _) = self.ask(route, "", "*/*", token).await;
        if route.starts_with("GET /") {
            for (query, accept) in FORMATS {
                let (other, body) = self.ask(route, query, accept, token).await;
                assert_eq!(status, other, "{route}{query} {accept}");
                // Of details there is one token, and no route without it tells the name of a check.
                let is_health = route.contains("/health") && !route.contains("/workers");
                if is_health && token != Some(TOKENS[2]) {
                    assert!(!body.contains("db"), "{route}{query} {accept}: {body}");
                }
            }
        }
        status
    }

    async fn ask(
        &self,
        route: &str,
        query: &str,
        accept: &str,
        token: Option<&str>,
    ) -> (String, String) {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path
            .replace("{check_id}", "db")
            .replace("{worker_id}", "w1")
            .replace("{incident_id}", &self.incident);
        let body = match (method, path.rsplit('/').next().unwrap()) {
            ("POST", "heartbeat") => json!({"boot_id": "a", "sequence": 1}),
            ("POST", "incidents") => {
                json!({"title": "a", "body": "b", "components": {"api": "partial_outage"}})
            }
            ("POST", "updates") => json!({"body": "b"}),
            ("POST", "maintenance") => json!({"title": "a", "body": "b", "components": ["api"],
                "scheduled_for": "2027-01-15T09:00:00Z", "scheduled_until": "2027-01-15T10:00:00Z"}),
            _ => json!({}),
        };
        let mut request = Request::builder().method(method).uri(path + query);
        request = request.header("content-type", "application/json");
        request = request.header("accept", accept);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let routes: Router = self.test.telemetry().routes();
        let response = routes.oneshot(request.body(Body::from(body.to_string())).unwrap());
        let response = into_ok(response.await);
        let status = response.status().as_u16().to_string();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn with_tokens() -> Config {
    let mut config = config();
    let [heartbeat, status, details] = TOKENS.map(Secret::new);
    config.heartbeat.token = Some(heartbeat);
    config.status.token = Some(status);
    config.health.details_token = Some(details);
    config
}

/// The answers to a route, as the table has them: by default; and where all tokens are configured, without one and
/// with each.
async fn answers(route: &str) -> Vec<String> {
    let default = Process::start(config()).await;
    let mut answers = vec![default.status(route, None).await];
    for token in [None].into_iter().chain(TOKENS.map(Some)) {
        // A process of its own: what one token may do must not change what another one finds.
        let process = Process::start(with_tokens()).await;
        answers.push(process.status(route, token).await);
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn each_route_answers_as_the_table_says() {
    let rows = rows(&fs::read_to_string(PAGE).unwrap());
    let mut faults = Vec::new();
    for (route, cells) in &rows {
        let answers = answers(route).await;
        if cells.len() != answers.len() + 1 || cells[..answers.len()] != answers {
            faults.push(format!("| `{route}` | {} |", answers.join(" | ")));
        }
    }
    assert!(
        faults.is_empty(),
        "{PAGE}: the answers are\n{}",
        faults.join("\n")
    );
}

#[test]
fn each_route_has_a_row_and_each_row_a_route() {
    let rows = rows(&fs::read_to_string(PAGE).unwrap());
    let paths = paths();
    assert!(paths.len() > 25, "{paths:?}");
    let described: Vec<_> = rows
        .keys()
        .map(|route| route.split_once(' ').unwrap().1)
        .collect();
    for path in &paths {
        assert!(
            described.contains(&path.as_str()),
            "{PAGE} has no row for {path}"
        );
    }
    for path in described {
        assert!(
            paths.iter().any(|known| known == path),
            "there is no route {path}"
        );
    }
}
