//! `vantage-obs slo report`, as scripts run it.

use std::process::{Command, Output};

use serde_json::Value;

use super::{Events, HEALTHY, objectives, serve};

/// Runs the command and returns its exit status and output.
pub(super) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    verb(&["slo", "report"], arguments, variables)
}

fn verb(
    verb: &[&str],
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    command.args(verb).args(arguments).env_clear();
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .envs(variables.iter().copied())
        .output()
        .expect("the command runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (status.code(), text(stdout), text(stderr))
}

/// Returns the exit status about a fleet with these events.
fn status_of(events: Events, more: &[&str]) -> Option<i32> {
    let api = format!(
        "http://{}",
        serve(move |path, _| (200, events.response_body(path)))
    );
    let folder = objectives();
    let folder = folder.path().display().to_string();
    let mut arguments = vec!["--prometheus", &api, &folder];
    arguments.extend(more);
    let (status, out, err) = run(&arguments, &[]);
    assert!(
        out.contains("api.error_rate") || out.contains("error_rate"),
        "{out}{err}"
    );
    status
}

const CRITICAL: Events = Events {
    good: 800,
    bad: 200,
};
const WARNING: Events = Events { good: 950, bad: 50 };

#[test]
fn the_exit_status_is_the_alert_state_with_exit_code() {
    assert_eq!(status_of(HEALTHY, &["--exit-code"]), Some(0));
    assert_eq!(status_of(WARNING, &["--exit-code"]), Some(1));
    assert_eq!(status_of(CRITICAL, &["--exit-code"]), Some(2));
    assert_eq!(
        status_of(CRITICAL, &["--exit-code", "--format", "json"]),
        Some(2)
    );
    assert_eq!(status_of(CRITICAL, &[]), Some(0));
}

#[test]
fn an_unreachable_source_is_status_3_with_its_cause() {
    let folder = objectives();
    let folder = folder.path().display().to_string();
    // A port that was free a moment ago.
    let unused_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused_port.local_addr().unwrap());
    drop(unused_port);
    let (status, out, err) = run(&["--prometheus", &url, &folder], &[]);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("can't be queried"), "{err}");
    let (status, ..) = run(&["--prometheus", &url, "/nowhere"], &[]);
    assert_eq!(status, Some(3));
    let (status, ..) = run(&["--prometheus", "gopher://x"], &[]);
    assert_eq!(status, Some(3));
    let (status, ..) = run(&[&folder], &[]);
    assert_eq!(status, Some(3));
}

#[test]
fn a_failed_query_is_status_3_where_no_alert_fires() {
    let api = serve(|path, _| match path.contains("count_over_time") {
        true => (422, "too many samples".into()),
        false => (200, HEALTHY.response_body(path)),
    });
    let url = format!("http://{api}");
    let folder = objectives();
    let folder = folder.path().display().to_string();
    let (status, out, err) = run(&["--prometheus", &url, &folder, "--exit-code"], &[]);
    assert_eq!(status, Some(3), "{err}");
    assert!(out.contains("inconsistent"), "{out}");
    assert!(err.contains("failed: the coverage of 1d: 422"), "{err}");
}

/// A configuration in which this API is the fleet's, and its folder.
fn configured(api: &str, more: &str) -> (tempfile::TempDir, String) {
    let folder = objectives();
    let slo = folder.path().display();
    let text = format!(
        r#"{{"service":{{"name":"shop","roles":["api"]}},
            "slo":{{"directory":"{slo}","prometheus":{{"url":"{api}","token":"s3cret"}}{more}}}}}"#
    );
    let file = folder.path().join("obs.conf");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

/// Serves these events to requests with the configuration's token, and refuses others.
fn serve_with_token(events: Events) -> String {
    let api = serve(move |path, head| {
        let known = head.to_lowercase().contains("authorization: bearer s3cret");
        match known {
            true => (200, events.response_body(path)),
            false => (401, "who are you?".into()),
        }
    });
    format!("http://{api}")
}

#[test]
fn a_configuration_names_the_api_the_objectives_and_the_policy() {
    let api = serve_with_token(WARNING);
    let (_folder, file) = configured(&api, "");
    let (status, out, err) = run(&["--config", &file, "--exit-code"], &[]);
    assert_eq!(status, Some(1), "{out}{err}");
    // The same figures, where more than 4x is critical.
    let critical = r#","burn_rate":{"critical":{"factor":4}}"#;
    let (_folder, file) = configured(&api, critical);
    let (status, out, err) = run(&["--config", &file, "--exit-code"], &[]);
    assert_eq!(status, Some(2), "{out}{err}");
    let named = [("VANTAGE_OBS_CONFIG", file.as_str())];
    assert_eq!(run(&["--exit-code"], &named).0, Some(2));
}

#[test]
fn a_configurations_token_goes_to_no_other_server() {
    let (_folder, file) = configured(&serve_with_token(HEALTHY), "");
    assert_eq!(run(&["--config", &file], &[]).0, Some(0));
    let (status, _, err) = run(
        &[
            "--config",
            &file,
            "--prometheus",
            &serve_with_token(HEALTHY),
        ],
        &[],
    );
    assert_eq!(status, Some(3));
    assert!(err.contains("401"), "{err}");
}

#[test]
fn faults_of_a_configuration_are_status_3_and_all_reported() {
    let (_folder, file) = configured("gopher://x", r#","slice":"2h""#);
    let (status, out, err) = run(&["--config", &file], &[]);
    assert_eq!((status, out.as_str()), (Some(3), ""));
    for path in ["slo.prometheus.url", "slo.slice"] {
        assert!(err.contains(path), "{err}");
    }
    assert_eq!(run(&["--config", "/nowhere/obs.json"], &[]).0, Some(3));
}

#[test]
fn a_period_stands_beside_the_one_before_it() {
    let now = 1_800_000_000;
    let api = serve(move |path, _| {
        let at = path.split(['=', '&']).nth(1).unwrap();
        let week = |good, bad| Events { good, bad }.response_body(path);
        match at.starts_with(&now.to_string()) {
            true => (200, week(960, 40)),
            false => {
                assert!(at.starts_with(&(now - 7 * 86_400).to_string()), "{at}");
                (200, week(990, 10))
            }
        }
    });
    let url = format!("http://{api}");
    let folder = objectives();
    let folder = folder.path().display().to_string();
    let at = "2027-01-15T08:00:00Z";
    let mut arguments = vec![
        "--prometheus",
        &url,
        &folder,
        "--at",
        at,
        "--since",
        "7d",
        "--compare",
    ];
    let (status, out, err) = run(&arguments, &[]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("worse by 3.0000 points"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    arguments.extend(["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&run(&arguments, &[]).1).unwrap();
    assert_eq!(json["differences"][0]["bad"], 30);
    assert_eq!(json["now"]["objectives"][0]["window"], "7d");
    // A page shows one period.
    arguments.extend(["--format", "html"]);
    assert_eq!(run(&arguments, &[]).0, Some(3));
}

#[test]
fn a_services_own_report_is_a_table_too() {
    let text = r#"{"generated_at":"2026-11-24T12:00:00Z","source":"local","objectives":[{
            "service":"api","name":"latency","kind":"latency","method":"occurrences","target":95,
            "threshold":{"value":2000,"unit":"ms"},"window":"30d","description":null,"data":"ok",
            "coverage":1,"good":800,"bad":200,"total":1000,"sli":0.8,"budget":{},
            "burn_rate":[{"window":"5m","value":4,"good":80,"total":100,"coverage":1}],
            "alert":"critical","exhausts_at":null,"recovers_at":null,"reason":null,"raw":null}]}"#;
    let service = serve(move |path, _| match path {
        "/api/v1/slo" => (200, text.into()),
        _ => (404, String::new()),
    });
    let url = format!("http://{service}");
    let (status, out, err) = run(&["--url", &url, "--exit-code"], &[]);
    assert_eq!(status, Some(2), "{err}");
    assert!(
        out.contains("80.0000 %") && out.contains("CRITICAL"),
        "{out}"
    );
    let (_, out, _) = run(&["--url", &url, "--format", "json"], &[]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["objectives"][0]["sli"], 0.8);
    assert_eq!(run(&["--url", &url, "--since", "7d"], &[]).0, Some(3));
    let other_service = serve(|_, _| (200, r#"{"status":"ok"}"#.into()));
    let (status, _, err) = run(&["--url", &format!("http://{other_service}")], &[]);
    assert_eq!(status, Some(3));
    assert!(err.contains("not a report of objectives"), "{err}");
}

#[test]
fn a_missing_store_is_status_3_and_is_not_created() {
    let folder = objectives();
    let slo = folder.path().display().to_string();
    let store = folder.path().join("none.redb");
    let named = format!("file:{}", store.display());
    let (status, out, err) = run(&["--store", &named, &slo], &[]);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("none.redb"), "{err}");
    assert!(!store.exists());
    for wrong in ["redis://x", "file:"] {
        let (status, _, err) = run(&["--store", wrong, &slo], &[]);
        assert_eq!(status, Some(3));
        assert!(err.contains("file:PATH"), "{err}");
    }
    // Without a value it needs a configuration, and none is given.
    assert_eq!(run(&[&slo, "--store"], &[]).0, Some(3));
}

/// Serves a Prometheus with these samples of `ALERTS`, or none at all.
fn prometheus_with(samples: &'static str) -> String {
    let address = serve(move |path, _| {
        let body = match path.contains("count_over_time") {
            true if samples.is_empty() => r#"{"resultType":"vector","result":[]}"#.to_owned(),
            true => {
                r#"{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}"#.to_owned()
            }
            false => format!(r#"{{"resultType":"matrix","result":[{samples}]}}"#),
        };
        (200, format!(r#"{{"status":"success","data":{body}}}"#))
    });
    format!("http://{address}")
}

#[test]
fn the_history_of_alerts_lists_when_each_fired_and_for_how_long() {
    let url = prometheus_with(
        r#"{"metric":{"__name__":"ALERTS","alertname":"QueueDepthHigh","alertstate":"firing","severity":"high","queue":"posts"},
            "values":[[1800000000,"1"],[1800000015,"1"],[1800000030,"1"]]}"#,
    );
    let at = "2027-01-15T10:00:00Z";
    let arguments = ["--prometheus", &url, "--at", at];
    let history = |more: &[&str]| {
        let arguments: Vec<_> = arguments.iter().chain(more).copied().collect();
        verb(&["alerts", "history"], &arguments, &[])
    };
    let (status, out, err) = history(&[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    let line = "2027-01-15T08:00:00Z  30s  high      QueueDepthHigh  queue=posts";
    assert!(out.contains(line), "{out}");
    let (_, json, _) = history(&["--format", "json", "--since", "8h"]);
    let history_json: Value = serde_json::from_str(&json).unwrap();
    let alert = &history_json["alerts"][0];
    assert_eq!(alert["ended_at"], "2027-01-15T08:00:30Z");
    assert_eq!(
        (alert["seconds"].as_i64(), history_json["from"].as_str()),
        (Some(30), Some("2027-01-15T02:00:00Z"))
    );
}

#[test]
fn a_history_without_recorded_alerts_warns() {
    let (status, out, err) = verb(
        &["alerts", "history"],
        &["--prometheus", &prometheus_with("")],
        &[],
    );
    assert_eq!(status, Some(0));
    assert!(out.starts_with("no alert fired from"), "{out}");
    assert!(err.contains("are the rules loaded?"), "{err}");
}
