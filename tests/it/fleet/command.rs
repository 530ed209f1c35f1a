//! `vantage-obs slo report`, as scripts run it.

use std::process::{Command, Output};

use serde_json::Value;

use super::{Events, FINE, objectives, serve};

/// What the command ended with, and printed.
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

/// The exit status about a fleet with these figures.
fn status_of(events: Events, more: &[&str]) -> Option<i32> {
    let api = format!(
        "http://{}",
        serve(move |path, _| (200, events.answer(path)))
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
fn what_is_raised_is_the_exit_status_where_that_is_asked_for() {
    assert_eq!(status_of(FINE, &["--exit-code"]), Some(0));
    assert_eq!(status_of(WARNING, &["--exit-code"]), Some(1));
    assert_eq!(status_of(CRITICAL, &["--exit-code"]), Some(2));
    assert_eq!(
        status_of(CRITICAL, &["--exit-code", "--format", "json"]),
        Some(2)
    );
    assert_eq!(status_of(CRITICAL, &[]), Some(0));
}

#[test]
fn what_cannot_be_asked_is_status_3_and_says_why() {
    let folder = objectives();
    let folder = folder.path().display().to_string();
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (status, out, err) = run(&["--prometheus", &url, &folder], &[]);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("can't be asked"), "{err}");
    let (status, ..) = run(&["--prometheus", &url, "/nowhere"], &[]);
    assert_eq!(status, Some(3));
    let (status, ..) = run(&["--prometheus", "gopher://x"], &[]);
    assert_eq!(status, Some(3));
    let (status, ..) = run(&[&folder], &[]);
    assert_eq!(status, Some(3));
}

#[test]
fn a_query_that_fails_is_status_3_where_nothing_is_raised() {
    let api = serve(|path, _| match path.contains("count_over_time") {
        true => (422, "too many samples".into()),
        false => (200, FINE.answer(path)),
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

/// Answers with these figures who brings the configuration's token, and refuses everybody else.
fn guarded(events: Events) -> String {
    let api = serve(move |path, head| {
        let known = head.to_lowercase().contains("authorization: bearer s3cret");
        match known {
            true => (200, events.answer(path)),
            false => (401, "who are you?".into()),
        }
    });
    format!("http://{api}")
}

#[test]
fn a_configuration_says_whom_to_ask_about_what_and_when_it_is_an_alert() {
    let api = guarded(WARNING);
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
    let (_folder, file) = configured(&guarded(FINE), "");
    assert_eq!(run(&["--config", &file], &[]).0, Some(0));
    let (status, _, err) = run(&["--config", &file, "--prometheus", &guarded(FINE)], &[]);
    assert_eq!(status, Some(3));
    assert!(err.contains("401"), "{err}");
}

#[test]
fn faults_of_a_configuration_are_status_3_and_all_told() {
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
        let week = |good, bad| Events { good, bad }.answer(path);
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
    let mut asked = vec![
        "--prometheus",
        &url,
        &folder,
        "--at",
        at,
        "--since",
        "7d",
        "--compare",
    ];
    let (status, out, err) = run(&asked, &[]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("worse by 3.0000 points"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    asked.extend(["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&run(&asked, &[]).1).unwrap();
    assert_eq!(json["differences"][0]["bad"], 30);
    assert_eq!(json["now"]["objectives"][0]["window"], "7d");
    // A page shows one period.
    asked.extend(["--format", "html"]);
    assert_eq!(run(&asked, &[]).0, Some(3));
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
    let stranger = serve(|_, _| (200, r#"{"status":"ok"}"#.into()));
    let (status, _, err) = run(&["--url", &format!("http://{stranger}")], &[]);
    assert_eq!(status, Some(3));
    assert!(err.contains("not a report of objectives"), "{err}");
}

#[test]
fn a_store_that_is_not_there_is_status_3_and_is_not_begun() {
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
    // Without a value it is the configuration's, and there is none.
    assert_eq!(run(&[&slo, "--store"], &[]).0, Some(3));
}

/// A Prometheus that has kept these samples of `ALERTS`, or none at all.
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
fn the_history_of_alerts_tells_when_each_fired_and_for_how_long() {
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
    let told: Value = serde_json::from_str(&json).unwrap();
    let alert = &told["alerts"][0];
    assert_eq!(alert["ended_at"], "2027-01-15T08:00:30Z");
    assert_eq!(
        (alert["seconds"].as_i64(), told["from"].as_str()),
        (Some(30), Some("2027-01-15T02:00:00Z"))
    );
}

#[test]
fn a_history_without_any_alert_is_no_calm_day() {
    let (status, out, err) = verb(
        &["alerts", "history"],
        &["--prometheus", &prometheus_with("")],
        &[],
    );
    assert_eq!(status, Some(0));
    assert!(out.starts_with("no alert fired from"), "{out}");
    assert!(err.contains("are the rules loaded?"), "{err}");
}
