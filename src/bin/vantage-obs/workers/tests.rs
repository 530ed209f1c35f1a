use clap::Parser;
use serde_json::Value;
use vantage_obs::config::Environment;
use vantage_obs::{Config, Role, Telemetry};

use super::*;

#[derive(Parser)]
struct TestCli {
    #[command(subcommand)]
    command: WorkersCommand,
}

fn run(words: &[&str]) -> Result<(ExitStatus, String), CliError> {
    let words = ["workers"].iter().chain(words);
    let cli = TestCli::try_parse_from(words);
    let command = cli.unwrap_or_else(|error| panic!("{error}")).command;
    let mut out = Vec::new();
    let status = command.run(&mut out)?;
    Ok((status, String::from_utf8(out).unwrap()))
}

/// A service that knows two workers and the token `t0ken`, and its address.
fn service() -> (Telemetry, String) {
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.expected = vec!["celery@host-1".into(), "ns/pod 2".replace(' ', "-")];
    config.heartbeat.token = Some(Secret::new("t0ken"));
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    (telemetry, format!("http://{address}"))
}

fn token_file(token: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(token.as_bytes()).unwrap();
    file
}

#[test]
fn workers_of_a_service_are_listed_and_forgotten_with_the_token() {
    let (_telemetry, url) = service();
    let (status, out) = run(&["list", "--url", &url]).unwrap();
    assert_eq!(status, ExitStatus::Success);
    let ids: Vec<_> = out
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(ids, [Some("celery@host-1"), Some("ns/pod-2")], "{out}");
    let forget = |id: &str, token: &str| {
        let file = token_file(token);
        let file = file.path().to_str().unwrap();
        run(&["forget", id, "--url", &url, "--token-file", file])
    };
    let missing = run(&["forget", "ns/pod-2", "--url", &url])
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("401") && missing.contains("heartbeat.token"),
        "{missing}"
    );
    assert!(forget("ns/pod-2", "another").is_err());
    let bad = forget("a b", "t0ken").unwrap_err().to_string();
    assert!(bad.contains("\"a b\" is no id; allowed: 1 to 128"), "{bad}");
    let (status, out) = forget("ns/pod-2", "t0ken\n").unwrap();
    assert_eq!(
        (status, &*out),
        (ExitStatus::Success, "ns/pod-2 is forgotten\n")
    );
    let (status, out) = forget("ns/pod-2", "t0ken").unwrap();
    assert_eq!(
        (status, &*out),
        (ExitStatus::Faulty, "no such worker: ns/pod-2\n")
    );
    let (_, out) = run(&["list", "--url", &url, "--format", "json"]).unwrap();
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &listed[0]["worker_id"],
            &listed[0]["role"],
            &listed[0]["state"]
        ),
        (&"celery@host-1".into(), &"worker".into(), &"new".into())
    );
}

#[test]
fn what_is_no_service_is_said_and_a_source_is_needed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = run(&["list", "--url", &url]).unwrap_err().to_string();
    assert!(refused.contains("can't be asked"), "{refused}");
    assert!(TestCli::try_parse_from(["workers", "list"]).is_err());
    let both = [
        "workers",
        "list",
        "--url",
        "http://a:1",
        "--store",
        "file:x",
    ];
    assert!(TestCli::try_parse_from(both).is_err());
    let memory = run(&["list", "--store", "file:/nowhere/obs.redb"])
        .unwrap_err()
        .to_string();
    assert!(
        memory.contains("/nowhere/obs.redb can't be read"),
        "{memory}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_that_is_no_regular_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for file in [pipe.to_str().unwrap(), "/dev/zero"] {
        let refused = run(&[
            "forget",
            "w1",
            "--url",
            "http://127.0.0.1:1",
            "--token-file",
            file,
        ]);
        let Err(CliError::Unreadable { path, cause }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            (path.as_str(), cause.to_string().as_str()),
            (file, "not a regular file")
        );
    }
}
