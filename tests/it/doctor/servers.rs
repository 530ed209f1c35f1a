//! The servers beside the receivers of OTLP: Prometheus, the receiver of heartbeats, the store.

use std::net::SocketAddr;
use std::time::Instant;

use vantage_obs::config::{Environment, Protocol, Secret};
use vantage_obs::doctor::{Diagnosis, DiagnosisStep, StepVerdict, TIME_LIMIT, diagnose};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role};

use super::{
    CANARY, assert_only_failure, diagnose_endpoint, diagnose_variables, receiver_step, run_command,
    serve_answers,
};
use crate::otlp::PROTOCOLS;
use crate::otlp::broken_receiver::BrokenReceiver;
use crate::otlp::receiver::{Behaviour, Receiver};

/// A response with this status line, these headers and this body.
fn response(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into()
}

fn identity() -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_SERVICE_NAME", "posts".into()),
        ("VANTAGE_OBS_ROLES", "worker".into()),
    ]
}

fn heartbeats_to(url: &str, token: Option<&str>) -> Diagnosis {
    let mut variables = identity();
    variables.push(("VANTAGE_OBS_HEARTBEAT_SINK", "http".into()));
    variables.push(("VANTAGE_OBS_HEARTBEAT_ENDPOINT", url.into()));
    variables.extend(token.map(|token| ("VANTAGE_OBS_HEARTBEAT_TOKEN", token.into())));
    diagnose_variables(&variables)
}

#[test]
fn the_receiver_of_heartbeats_is_tried_with_the_token_and_no_worker_appears() {
    let mut config = Config::new("api", Role::Api);
    config.heartbeat.token = Some(Secret::new(CANARY));
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let service = test.telemetry();
    let address = service.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{address}");

    let right = heartbeats_to(&url, Some(CANARY));
    assert_eq!(right.failures().count(), 0, "{right:#?}");
    for name in ["name", "tcp", "auth", "beats", "clock"] {
        let step = receiver_step(&right, name);
        assert_eq!(step.verdict, StepVerdict::Ok, "{step:?}");
    }
    let wrong = heartbeats_to(&url, Some("another-canary"));
    let fix = "correct heartbeat.token (environment VANTAGE_OBS_HEARTBEAT_TOKEN)";
    assert_only_failure(&wrong, "auth", &[fix]);
    let none = heartbeats_to(&url, None);
    assert_only_failure(&none, "auth", &["VANTAGE_OBS_HEARTBEAT_TOKEN=TOKEN"]);
    let below = heartbeats_to(&format!("{url}/obs"), Some(CANARY));
    let fix = format!("VANTAGE_OBS_HEARTBEAT_ENDPOINT={url} ");
    assert_only_failure(&below, "beats", &[&fix]);
    for diagnosis in [right, wrong, none, below] {
        assert!(!format!("{diagnosis:?}").contains("canary"));
    }

    let scrape = service.scrape(vantage_obs::ExpositionFormat::Text);
    assert!(!scrape.unwrap().contains("vantage-obs-doctor"));
}

#[test]
fn each_refusal_of_a_heartbeat_has_a_fix_of_its_own() {
    let lacks = r#"{"error":"bad beat","faults":[{"path":"boot_id"}]}"#;
    for (head, body, name, words) in [
        (
            "401 Unauthorized",
            "",
            "auth",
            "heartbeat.token to \"TOKEN\"",
        ),
        (
            "403 Forbidden",
            "",
            "auth",
            "heartbeat.token at the receiver too",
        ),
        (
            "404 Not Found",
            "",
            "beats",
            "whose routes are vantage-obs's",
        ),
        ("405 Method Not Allowed", "", "beats", "takes no POST"),
        ("415 Unsupported Media Type", "", "beats", "takes no JSON"),
        ("503 Service Unavailable", "", "beats", "more room"),
        (
            "500 Internal Server Error",
            "",
            "beats",
            "log of the receiver",
        ),
        (
            "202 Accepted",
            "{}",
            "beats",
            "whose routes are vantage-obs's",
        ),
        (
            "400 Bad Request",
            "{}",
            "beats",
            "whose routes are vantage-obs's",
        ),
        (
            "200 OK\r\nContent-Type: text/html",
            lacks,
            "beats",
            "whose routes",
        ),
        (
            "307 Temporary Redirect\r\nLocation: https://api.example.org/api/v1/workers/vantage-obs-doctor/heartbeat",
            "",
            "beats",
            "VANTAGE_OBS_HEARTBEAT_ENDPOINT=https://api.example.org ",
        ),
        (
            "307 Temporary Redirect\r\nLocation: /login",
            "",
            "beats",
            "where it redirects",
        ),
    ] {
        let address = serve_answers(move |_| response(head, body));
        let diagnosis = heartbeats_to(&format!("http://{address}"), None);
        assert_only_failure(&diagnosis, name, &[words]);
    }
    let address = serve_answers(move |_| response("400 Bad Request", lacks));
    let diagnosis = heartbeats_to(&format!("http://me:{CANARY}@{address}"), None);
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    assert!(!format!("{diagnosis:?}").contains(CANARY));
}

#[test]
fn what_a_server_repeats_of_the_credentials_is_masked() {
    let repeats = |_: &[u8]| response("401 Unauthorized", &format!("no such token: {CANARY}"));
    let url = |address: SocketAddr| format!("http://{address}");
    let heartbeat = heartbeats_to(&url(serve_answers(repeats)), Some(CANARY));
    let prometheus = prometheus_at(&url(serve_answers(repeats)), Some(CANARY));
    for diagnosis in [heartbeat, prometheus] {
        let auth = receiver_step(&diagnosis, "auth");
        assert!(auth.finding.contains("no such token: ***"), "{auth:?}");
        assert!(!format!("{diagnosis:?}").contains(CANARY));
    }
}

fn prometheus_at(url: &str, token: Option<&str>) -> Diagnosis {
    let folder = tempfile::tempdir().unwrap();
    let objective = r#"{"api": {"availability": {"target": 99.9, "window": "30d"}}}"#;
    std::fs::write(folder.path().join("api.json"), objective).unwrap();
    let mut variables = identity();
    variables.push(("VANTAGE_OBS_SLO_PROMETHEUS_URL", url.into()));
    let directory = folder.path().display().to_string();
    variables.push(("VANTAGE_OBS_SLO_DIRECTORY", directory));
    variables.extend(token.map(|token| ("VANTAGE_OBS_SLO_PROMETHEUS_TOKEN", token.into())));
    diagnose_variables(&variables)
}

/// A Prometheus that holds so many processes of the service, and keeps its samples for this time.
fn serve_prometheus(processes: &'static str, retention: &'static str) -> String {
    let address = serve_answers(move |request| {
        let request = String::from_utf8_lossy(request);
        let vector = |value: &str| {
            let result = match value {
                "" => String::new(),
                value => format!(r#"{{"metric":{{}},"value":[1,"{value}"]}}"#),
            };
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#
            )
        };
        let json = "200 OK\r\nContent-Type: application/json";
        if request.starts_with("GET /prom/api/v1/query?query=vector") {
            response(json, &vector("1"))
        } else if request.starts_with("GET /prom/api/v1/query?query=count%28target%5Finfo") {
            response(json, &vector(processes))
        } else if request.starts_with("GET /prom/api/v1/status/runtimeinfo ") {
            let body =
                format!(r#"{{"status":"success","data":{{"storageRetention":"{retention}"}}}}"#);
            response(json, &body)
        } else {
            response("404 Not Found", "")
        }
    });
    format!("http://{address}/prom")
}

#[test]
fn a_prometheus_is_asked_for_the_service_and_for_how_long_it_keeps_samples() {
    let step = |diagnosis: &Diagnosis, name| -> DiagnosisStep { receiver_step(diagnosis, name) };
    let right = prometheus_at(&serve_prometheus("2", "60d"), None);
    assert_eq!(right.failures().count(), 0, "{right:#?}");
    for name in ["auth", "api", "metrics", "retention"] {
        assert_eq!(step(&right, name).verdict, StepVerdict::Ok, "{right:#?}");
    }
    let expected = "holds posts, from 2 of its processes";
    assert_eq!(step(&right, "metrics").finding, expected);

    let short = prometheus_at(&serve_prometheus("", "15d"), None);
    assert_eq!(short.failures().count(), 0, "{short:#?}");
    for (name, words) in [
        ("metrics", "let the server scrape its /metrics"),
        ("retention", "--storage.tsdb.retention.time=60d"),
    ] {
        let step = step(&short, name);
        assert_eq!(step.verdict, StepVerdict::Warn, "{step:?}");
        assert!(step.fix.as_deref().unwrap().contains(words), "{step:?}");
    }
}

#[test]
fn what_is_no_prometheus_gets_the_setting_to_change_as_fix() {
    let json = "200 OK\r\nContent-Type: application/json";
    let result = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    for (head, body, path, name, words) in [
        (
            "401 Unauthorized",
            "",
            "",
            "auth",
            "VANTAGE_OBS_SLO_PROMETHEUS_TOKEN=TOKEN",
        ),
        ("401 Unauthorized", "no org id", "", "auth", "X-Scope-OrgID"),
        (
            "404 Not Found",
            "",
            "",
            "api",
            "Mimir has it below /prometheus",
        ),
        (
            "404 Not Found",
            "",
            "/prom",
            "api",
            "unless the server's manual has a path",
        ),
        (
            "200 OK\r\nContent-Type: text/html",
            result,
            "",
            "api",
            "base of a Prometheus API",
        ),
        (
            json,
            r#"{"status":"UP"}"#,
            "",
            "api",
            "base of a Prometheus API",
        ),
        (
            json,
            r#"{"status":"error","error":"x"}"#,
            "",
            "api",
            "base of a Prometheus API",
        ),
        ("503 Service Unavailable", "", "", "api", "more room"),
        (
            "302 Found\r\nLocation: https://prom.example.org/api/v1/query?query=vector%281%29",
            "",
            "",
            "api",
            "VANTAGE_OBS_SLO_PROMETHEUS_URL=https://prom.example.org ",
        ),
    ] {
        let address = serve_answers(move |_| response(head, body));
        let diagnosis = prometheus_at(&format!("http://{address}{path}"), None);
        assert_only_failure(&diagnosis, name, &[words]);
    }
}

#[test]
fn servers_that_are_silent_or_not_there_fail_together_within_the_time_limit() {
    let silent = BrokenReceiver::silent();
    for (endpoint, heartbeat, prometheus) in [
        (silent.endpoint(), "beats", "api"),
        ("http://127.0.0.1:1".into(), "tcp", "tcp"),
    ] {
        let mut variables = identity();
        variables.push(("VANTAGE_OBS_HEARTBEAT_SINK", "http".into()));
        variables.push(("VANTAGE_OBS_HEARTBEAT_ENDPOINT", endpoint.clone()));
        variables.push(("VANTAGE_OBS_SLO_PROMETHEUS_URL", endpoint.clone()));
        let started = Instant::now();
        let diagnosis = diagnose_variables(&variables);
        assert!(started.elapsed() < TIME_LIMIT, "{:?}", started.elapsed());
        let failures: Vec<_> = diagnosis.failures().map(|(_, step)| step.name).collect();
        assert_eq!(failures, [prometheus, heartbeat], "{diagnosis:#?}");
        let (status, text) = run_command(&[], &variables);
        assert_eq!(status, Some(1), "{text}");
        assert!(!text.contains("all is well"), "{text}");
    }
}

#[test]
fn a_receiver_that_refuses_gzip_gets_the_compression_as_fix() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::RefuseGzip);
        let diagnosis = diagnose_endpoint(&receiver.endpoint(), protocol);
        let fix = "set otlp.compression to \"none\" (OTEL_EXPORTER_OTLP_COMPRESSION=none)";
        assert_only_failure(&diagnosis, "gzip", &[fix]);
        assert_eq!(receiver_step(&diagnosis, "span").verdict, StepVerdict::Ok);
    }
    let receiver = Receiver::start(Behaviour::RefuseGzip);
    let mut variables = super::variables(&receiver.endpoint(), Protocol::Grpc);
    variables.push(("OTEL_EXPORTER_OTLP_COMPRESSION", "none".into()));
    let diagnosis = diagnose_variables(&variables);
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    assert_eq!(
        receiver_step(&diagnosis, "gzip").verdict,
        StepVerdict::Skipped
    );
}

#[test]
fn a_store_in_a_file_is_tried_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("obs.json");
    let diagnose_path = |path: &std::path::Path| {
        let text = format!(
            r#"{{"service": {{"name": "posts", "roles": ["api"]}},
                "store": {{"kind": "file", "path": {path:?}}}}}"#
        );
        std::fs::write(&file, text).unwrap();
        diagnose(Some(&file), &Environment::empty())
    };
    let new = diagnose_path(&folder.path().join("obs.redb"));
    assert_eq!(new.failures().count(), 0, "{new:#?}");
    assert!(
        receiver_step(&new, "file")
            .finding
            .contains("not there yet")
    );
    assert!(!folder.path().join("obs.redb").exists());

    let missing = folder.path().join("none/obs.redb");
    assert_only_failure(
        &diagnose_path(&missing),
        "folder",
        &["mkdir -p", "store.path"],
    );
    assert_only_failure(&diagnose_path(folder.path()), "file", &["set store.path"]);

    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "buy milk").unwrap();
    let foreign = diagnose_path(&notes);
    assert_only_failure(&foreign, "format", &["move the file away"]);
    let finding = receiver_step(&foreign, "format").finding;
    assert!(finding.ends_with("it was left as it is"), "{finding}");
    assert_eq!(std::fs::read(&notes).unwrap(), b"buy milk");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
