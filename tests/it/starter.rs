//! `vantage-obs init`: the files that a service starts with are valid, complete, and never written over others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the command in this folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    let output = command.args(arguments).current_dir(folder).output();
    output.unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap() + &error
}

/// Reads all files below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => drop(found.insert(path.clone(), fs::read_to_string(&path).unwrap())),
        }
    }
    found
}

#[test]
fn the_files_of_each_role_are_valid_and_complete() {
    for roles in [
        &["api"][..],
        &["worker"],
        &["scheduler"],
        &["web"],
        &["api", "worker", "scheduler"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut arguments = vec!["init", "--name", "shop"];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        let told = succeed(folder, &arguments);
        assert!(
            told.contains("docker compose -f compose.observability.yaml up -d"),
            "{told}"
        );
        let mut check = vec!["config", "check", "vantage-obs.jsonc", "--name", "shop"];
        check.extend(roles.iter().flat_map(|role| ["--role", role]));
        assert!(
            told.contains(&format!("vantage-obs {}", check.join(" "))),
            "{told}"
        );
        let checked = succeed(folder, &check);
        assert!(!checked.contains("warning: "), "{roles:?}: {checked}");
        if roles.iter().any(|role| matches!(*role, "api" | "worker")) {
            let validated = succeed(folder, &["slo", "validate", "slo"]);
            assert!(validated.contains("all is well"), "{roles:?}: {validated}");
        }
        // What is generated follows the config that was written.
        let config = ["--config", "vantage-obs.jsonc", "--out", ".", "--check"];
        succeed(folder, &[&["generate"], &config[..]].concat());
        let compose = fs::read_to_string(folder.join("compose.observability.yaml")).unwrap();
        let mounts = compose
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- ./"));
        let mounts: Vec<_> = mounts
            .map(|mount| mount.split(':').next().unwrap())
            .collect();
        assert_eq!(mounts.len(), 5, "{mounts:?}");
        for mount in mounts {
            assert!(folder.join(mount).exists(), "{mount}");
        }
    }
}

/// Every set of roles.
fn role_sets() -> impl Iterator<Item = Vec<&'static str>> {
    const ROLES: [&str; 4] = ["api", "worker", "scheduler", "web"];
    (1..1 << ROLES.len()).map(|set: usize| {
        let roles = ROLES.iter().enumerate();
        let chosen = roles.filter(|(index, _)| set >> index & 1 == 1);
        chosen.map(|(_, role)| *role).collect()
    })
}

#[test]
fn no_alert_waits_for_a_role_that_is_not_there() {
    for roles in role_sets() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut arguments = vec!["init", "--name", "shop"];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        succeed(folder, &arguments);
        let rules = fs::read_to_string(folder.join("prometheus/rules/vantage-alerts.yml")).unwrap();
        let alert = |name: &str| rules.contains(&format!("alert: \"{name}\""));
        assert!(alert("ServiceAbsent") && alert("Watchdog"), "{roles:?}");
        for (name, role) in [
            ("WorkersAbsent", "worker"),
            ("SchedulersAbsent", "scheduler"),
        ] {
            assert_eq!(alert(name), roles.contains(&role), "{roles:?}: {name}");
        }
        // Only these fire for what was never seen; and an objective is that of a role that is there.
        let never_seen = rules.lines().filter(|line| line.contains("absent("));
        let absences = ["worker", "scheduler"].iter();
        let absences = absences.filter(|role| roles.contains(role)).count();
        assert_eq!(never_seen.count(), absences, "{roles:?}");
        for (role, objectives) in [
            ("api", "objective: \"api."),
            ("worker", "objective: \"workers."),
        ] {
            assert_eq!(
                rules.contains(objectives),
                roles.contains(&role),
                "{roles:?}"
            );
        }
    }
}

#[test]
fn a_role_that_comes_later_is_told_of_its_alert_that_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let told = succeed(folder, &["init", "--name", "shop"]);
    assert!(!told.contains("warning: "), "{told}");
    let config = fs::read_to_string(folder.join("vantage-obs.jsonc")).unwrap();
    assert!(
        config.contains("\n    \"workers_absent\": null,\n"),
        "{config}"
    );
    let told = succeed(folder, &["init", "--name", "shop", "--role", "worker"]);
    let warning = "warning: vantage-obs.jsonc turns WorkersAbsent off, and the service has that role: \
                   take alerts.workers_absent out\n";
    assert!(told.contains(warning), "{told}");
    assert!(!told.contains("SchedulersAbsent"), "{told}");
}

#[test]
fn processes_that_share_the_config_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &["init", "--name", "shop-api"]);
    let check = [
        "config",
        "check",
        "vantage-obs.jsonc",
        "--name",
        "shop-worker",
        "--role",
        "worker",
    ];
    let checked = succeed(folder, &check);
    assert!(
        checked.contains("shop-worker") && !checked.contains("shop-api"),
        "{checked}"
    );
    assert!(!checked.contains("warning: service."), "{checked}");
}

#[test]
fn a_second_run_keeps_what_is_there_and_adds_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &["init", "--name", "shop"]);
    let compose = folder.join("compose.observability.yaml");
    let mine = "services: {}\n";
    fs::write(&compose, mine).unwrap();
    fs::remove_file(folder.join("runbooks/README.md")).unwrap();
    let before = contents(folder);
    let told = succeed(folder, &["init", "--name", "shop"]);
    let mut after = contents(folder);
    let readme = after.remove(&folder.join("runbooks/README.md"));
    assert!(readme.is_some());
    assert_eq!(after, before);
    assert!(
        told.contains("kept, because it is there: compose.observability.yaml\n"),
        "{told}"
    );
    assert!(
        told.contains("\n1 files written") || told.contains("runbooks/README.md"),
        "{told}"
    );
    // A further role adds its objectives, and the config stays the service's.
    let told = succeed(folder, &["init", "--name", "shop", "--role", "worker"]);
    assert!(folder.join("slo/workers.json").exists());
    assert!(
        told.contains("kept, because it is there: vantage-obs.jsonc\n"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(&compose).unwrap(), mine);
}

#[test]
fn objectives_that_are_declared_elsewhere_are_not_declared_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("slo")).unwrap();
    let own = r#"{"api": {"error_rate": {"target": 99, "threshold": 1, "window": "30d"}}}"#;
    fs::write(folder.join("slo/shop.json"), own).unwrap();
    succeed(folder, &["init", "--name", "shop"]);
    assert!(!folder.join("slo/api.json").exists());
    succeed(folder, &["slo", "validate", "slo"]);
}

#[test]
fn another_folder_is_named_as_the_service_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &["init", "--name", "shop", "--out", "deploy/obs"]);
    succeed(folder, &["config", "check", "deploy/obs/vantage-obs.jsonc"]);
    let config = fs::read_to_string(folder.join("deploy/obs/vantage-obs.jsonc")).unwrap();
    assert!(
        config.contains(r#""directory": "deploy/obs/slo""#),
        "{config}"
    );
}

#[test]
fn faults_are_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = run(folder, &["init", "--name", ""]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("service.name"), "{error}");
    assert_eq!(
        run(folder, &["init", "--role", "boss"]).status.code(),
        Some(3)
    );
    assert!(contents(folder).is_empty());
    // A file that has faults is the service's own, and stops the rest.
    fs::write(
        folder.join("vantage-obs.jsonc"),
        "{ /* mine */ \"servce\": {} }",
    )
    .unwrap();
    let output = run(folder, &["init"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("servce"), "{error}");
}
