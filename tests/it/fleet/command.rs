//! `vantage-obs slo report`, as scripts run it.

use std::process::{Command, Output};

use super::{Events, FINE, objectives, serve};

/// What the command ended with, and printed.
pub(super) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    command.args(["slo", "report"]).args(arguments).env_clear();
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
