use clap::Parser;
use serde_json::{Value, json};

use super::*;

#[derive(Parser)]
struct TestCli {
    #[command(subcommand)]
    command: SloCommand,
}

/// Status, standard output and standard error.
fn run(words: &[&str]) -> Result<(ExitStatus, String, String), CliError> {
    let words = ["slo"].iter().chain(words);
    let command = TestCli::try_parse_from(words)
        .unwrap_or_else(|error| panic!("{error}"))
        .command;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = command.run(&mut out, &mut err)?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ok((status, text(out), text(err)))
}

fn error_text(words: &[&str]) -> String {
    let words = ["slo"].iter().chain(words);
    match TestCli::try_parse_from(words) {
        Err(error) => error.to_string(),
        Ok(cli) => match cli.command.run(&mut Vec::new(), &mut Vec::new()) {
            Err(failure) => failure.to_string(),
            Ok(status) => panic!("{status:?}"),
        },
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn the_platforms_own_files_are_well() {
    let (status, out, _) = run(&["validate", "slo"]).unwrap();
    assert_eq!(status, ExitStatus::Success);
    assert_eq!(out, "objectives: 6; all is well\n");
}

#[test]
fn every_fault_and_every_warning_is_printed_and_the_status_is_1() {
    let folder = folder(&[
        (
            "a.json",
            r#"{"api":{"availability":{"target":0.999,"window":"30d"}}}"#,
        ),
        (
            "b.json",
            r#"{"workers":{"queue_lag":{"target":100,"threshold":0,"window":"30d"}}}"#,
        ),
    ]);
    let path = folder.path().to_str().unwrap();
    let (status, out, _) = run(&["validate", path]).unwrap();
    assert_eq!(status, ExitStatus::Faulty);
    let starts = [
        "fault: ",
        "fault: ",
        "warning: ",
        "warning: ",
        "faults: 2; warnings: 2",
    ];
    assert_eq!(out.lines().count(), starts.len(), "{out}");
    for (cli, start) in out.lines().zip(starts) {
        assert!(cli.starts_with(start), "{cli}");
    }
    let (_, out, _) = run(&["validate", path, "--format", "json"]).unwrap();
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(json["faults"][0]["path"], "$.workers.queue_lag.target");
    assert_eq!(json["faults"][0]["problem"], "out of range");
    assert_eq!(json["warnings"].as_array().unwrap().len(), 2);
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_to_run() {
    for command in ["validate", "budget"] {
        let text = error_text(&[command, "/nowhere"]);
        assert!(text.starts_with("/nowhere can't be read: "), "{text}");
    }
}

#[test]
fn budgets_are_printed_for_people_and_for_programs() {
    let (_, out, err) = run(&["budget", "slo"]).unwrap();
    assert_eq!(err, "");
    let first = out.lines().nth(1).unwrap();
    let expected = "api.availability         99.9 %  30d     43m12s       1 in 1000 time slices";
    assert_eq!(first, expected);
    let (_, out, _) = run(&["budget", "slo", "--format", "json"]).unwrap();
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json[1]["name"], "latency");
    assert_eq!(
        json[1]["budget"],
        json!({"fraction": 0.05, "seconds": 129_600})
    );
}

#[test]
fn the_arithmetic_is_written_out() {
    let numbers = [
        "calc", "--target", "95", "--window", "30d", "--good", "9641",
    ];
    let (_, out, _) = run(&[&numbers[..], &["--total", "10000"]].concat()).unwrap();
    let expected = "\
permitted share   (100 - 95) / 100                     = 0.05
time budget       0.05 × 30d                           = 1d12h
event budget      0.05 × 10000 events                  = 500
SLI               9641 / 10000                         = 0.9641
consumed          359 / 500                            = 0.718
remaining         1 - 0.718                            = 0.282
burn rate         (359 / 10000) / 0.05                 = 0.718x over 30d
lasts             0.282 × 30d / 0.718                  = 11d18h47m7s
";
    assert_eq!(out, expected);
}

#[test]
fn the_arithmetic_of_a_part_is_that_of_the_whole_window() {
    let numbers = [
        "calc", "--target", "99.9", "--window", "30d", "--good", "15", "--total", "17", "--seen",
        "17m",
    ];
    let (_, out, _) = run(&numbers).unwrap();
    let expected = "\
permitted share   (100 - 99.9) / 100                   = 0.001
time budget       0.001 × 30d                          = 43m12s
events of window  17 × 30d / 17m                       = 43200
event budget      0.001 × 43200 events                 = 43.2
SLI               15 / 17                              = 0.882352
consumed          2 / 43.2                             = 0.046296
remaining         1 - 0.046296                         = 0.953703
burn rate         (2 / 17) / 0.001                     = 117.647058x over 17m
lasts             0.953703 × 30d / 117.647058          = 5h50m12s
";
    assert_eq!(out, expected);
    let (_, out, _) = run(&[&numbers[..], &["--format", "json"]].concat()).unwrap();
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["seen"], json!(17.0 / 43_200.0));
    assert_eq!(
        (&json["events"], &json["sli"]),
        (&json!(43.2), &json!(15.0 / 17.0))
    );
    for part in ["31d", "0s"] {
        let message = error_text(&[&numbers[..10], &[part]].concat());
        assert_eq!(message, format!("--seen {part} is no part of --window 30d"));
    }
}

#[test]
fn the_arithmetic_is_json_for_programs() {
    let numbers = [
        "calc", "--target", "99.9", "--window", "30d", "--format", "json",
    ];
    let calc = |good, total| {
        let words = [&numbers[..], &["--good", good, "--total", total]].concat();
        let (_, out, _) = run(&words).unwrap();
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let json = calc("998", "1000");
    for (field, value) in [
        ("fraction", json!(0.001)),
        ("seconds", json!(2_592)),
        ("events", json!(1)),
        ("consumed", json!(2)),
        ("remaining", json!(-1)),
        ("burn_rate", json!(2)),
    ] {
        assert_eq!(json[field], value, "{field}");
    }
    let quiet = calc("0", "0");
    assert_eq!(quiet["seconds"], 2_592);
    assert!(quiet["consumed"].is_null() && quiet["sli"].is_null());
}

#[test]
fn numbers_that_do_not_go_together_are_usage_errors() {
    let calc = |target, window, good| {
        let words = [
            "calc", "--target", target, "--window", window, "--good", good,
        ];
        error_text(&[&words[..], &["--total", "10"]].concat())
    };
    assert_eq!(calc("99", "1d", "11"), "--good 11 is more than --total 10");
    assert!(calc("100", "1d", "1").contains("above 0 and below 100"));
    assert!(calc("99", "1y", "1").contains("followed by m, h, d or w"));
    assert!(calc("99", "1d", "-1").contains("unexpected argument"));
}

#[test]
fn a_config_s_policy_says_which_alerts_can_never_fire() {
    let folder = folder(&[(
        "a.json",
        r#"{"api":{"availability":{"target":93,"window":"30d"}}}"#,
    )]);
    let config = folder.path().join("service.toml");
    let text = r#"{"service":{"name":"api","roles":["api"]},"slo":{"policy":"sre-workbook"}}"#;
    std::fs::write(&config, text).unwrap();
    let path = folder.path().to_str().unwrap();
    let (_, out, _) = run(&["validate", path]).unwrap();
    assert_eq!(out, "objectives: 1; all is well\n");
    let (status, out, _) = run(&["validate", path, "--config", config.to_str().unwrap()]).unwrap();
    assert_eq!(status, ExitStatus::Success);
    assert!(out.contains("more than 14.4x never fires"), "{out}");
}

#[test]
fn a_configuration_whose_code_sets_name_and_role_is_read_and_its_faults_are_diagnostics() {
    let objectives = folder(&[(
        "a.json",
        r#"{"api":{"availability":{"target":99.9,"window":"30d"}}}"#,
    )]);
    let configs = folder(&[
        ("part.json", r#"{"slo":{"policy":"sre-workbook"}}"#),
        ("bad.json", r#"{"slo":{"policy":"none"}}"#),
    ]);
    let path = objectives.path().to_str().unwrap();
    let config = |name: &str| configs.path().join(name).display().to_string();
    let (status, out, err) = run(&["validate", path, "--config", &config("part.json")]).unwrap();
    assert_eq!((status, err.as_str()), (ExitStatus::Success, ""), "{out}");
    let (status, out, err) = run(&["validate", path, "--config", &config("bad.json")]).unwrap();
    assert_eq!((status, out.as_str()), (ExitStatus::Faulty, ""));
    assert!(err.contains("$.slo.policy"), "{err}");
    let missing = error_text(&["validate", path, "--config", &config("none.json")]);
    assert!(missing.contains("none.json can't be read: "), "{missing}");

    // The report gets as far as the store, which is none.
    let notes = folder(&[("notes.txt", "buy milk")]);
    let notes = notes.path().join("notes.txt");
    let store = format!("file:{}", notes.display());
    let part = config("part.json");
    let report = ["report", path, "--config", &part, "--store", &store];
    let text = error_text(&report);
    if cfg!(feature = "file-store") {
        let expected = format!("{} is damaged, or no file of a store (", notes.display());
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.ends_with("it was left as it is"), "{text}");
    }
    assert_eq!(std::fs::read(&notes).unwrap(), b"buy milk");
}

#[test]
fn a_store_that_is_no_file_is_told_so_once() {
    for (store, expected) in [
        (
            "file:/nowhere/obs.redb",
            "/nowhere/obs.redb can't be read: No such file or directory (os error 2)",
        ),
        (
            "file:/dev/null",
            "/dev/null can't be read: not a regular file",
        ),
    ] {
        let text = error_text(&["report", "slo", "--store", store]);
        if cfg!(all(feature = "file-store", target_os = "linux")) {
            assert_eq!(text, expected);
        }
    }
}
