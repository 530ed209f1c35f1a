//! Scenarios of alerts, for `promtool test rules`: for each one in which it fires at the right
//! minute with the right text, and one in which it stays quiet.
//!
//! They are written here and committed as `prometheus/tests/*.yml`, so that anybody can run them
//! without Rust; `BLESS=1 cargo test --all-features --test it scenarios` writes them anew. Times and
//! values are worked out by hand, beside each scenario.

mod absent;
mod api;
mod budget;
mod business;
mod database;
mod process;
mod scenario;
mod scheduler;
mod telemetry;
mod worker;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vantage_obs::alerts::{self, AlertSignal, Severity};
use vantage_obs::generate::plan;

use crate::generated::generate_input;
use scenario::{Scenario, ScenarioFile};

fn files() -> Vec<ScenarioFile> {
    vec![
        ScenarioFile::new("api", "1m", api::scenarios()),
        ScenarioFile::new("process", "1m", process::scenarios()),
        ScenarioFile::new("worker", "1m", worker::scenarios()),
        ScenarioFile::new("scheduler", "1m", scheduler::scenarios()),
        ScenarioFile::new("database", "1m", database::scenarios()),
        ScenarioFile::new("absent", "1m", absent::scenarios()),
        ScenarioFile::new("own", "1m", telemetry::scenarios()),
        ScenarioFile::new("budget", "1m", budget::scenarios()),
        ScenarioFile::new("first-hour", "1m", budget::first_hour()),
        // What takes days is looked at less often.
        ScenarioFile::new("growth", "5m", database::long_scenarios()),
        ScenarioFile::new("business", "15m", business::scenarios()),
    ]
}

fn scenarios() -> Vec<Scenario> {
    files()
        .into_iter()
        .flat_map(|file| file.scenarios)
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/tests")
}

/// The groups of rules in the order in which they are to be evaluated: alerts read what is recorded.
fn groups() -> Vec<String> {
    let files = plan(&generate_input(vantage_obs::generate::platform_config()));
    let group = |line: &str| {
        Some(
            line.strip_prefix("  - name: \"")?
                .strip_suffix('"')?
                .to_owned(),
        )
    };
    let groups_of = |name: &str| {
        let file = files.iter().find(|file| file.path.ends_with(name)).unwrap();
        file.text.lines().filter_map(group).collect::<Vec<_>>()
    };
    [
        groups_of("vantage-recording.yml"),
        groups_of("vantage-alerts.yml"),
    ]
    .concat()
}

#[test]
fn committed_scenarios_match_the_ones_written_here() {
    let groups = groups();
    let bless = std::env::var_os("BLESS").is_some();
    for file in files() {
        let (path, text) = (folder().join(file.name()), file.text(&groups));
        if bless {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        let how = "BLESS=1 cargo test --all-features --test it scenarios";
        assert!(committed == text, "{}: run `{how}`", path.display());
    }
}

#[test]
fn nothing_else_is_committed_beside_them() {
    let known: BTreeSet<_> = files().iter().map(ScenarioFile::name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name}");
    }
}

#[test]
fn every_level_of_every_alert_fires_in_a_scenario() {
    let input = generate_input(vantage_obs::generate::platform_config());
    let fired: BTreeSet<_> = scenarios()
        .iter()
        .flat_map(Scenario::fired_levels)
        .collect();
    for spec in alerts::all() {
        let levels: Vec<_> = match spec.signal {
            AlertSignal::Watchdog => vec![None],
            AlertSignal::ErrorBudget => vec![Some(Severity::Warning), Some(Severity::Critical)],
            signal => {
                let levels = input.config.alerts.levels(signal);
                levels.map(|(severity, _)| Some(severity)).collect()
            }
        };
        for severity in levels {
            let level = (spec.signal, severity);
            assert!(fired.contains(&level), "{} {severity:?}", spec.name);
        }
    }
}

#[test]
fn every_burn_rate_of_every_objective_fires_in_a_scenario() {
    let fired: BTreeSet<_> = scenarios()
        .iter()
        .flat_map(Scenario::fired_objectives)
        .collect();
    for objective in &generate_input(vantage_obs::generate::platform_config()).objectives {
        for severity in [Severity::Warning, Severity::Critical] {
            let level = (objective.id().to_owned(), severity);
            assert!(fired.contains(&level), "{level:?}");
        }
    }
}

#[test]
fn every_alert_but_the_watchdog_stays_quiet_in_a_scenario() {
    let quiet: BTreeSet<_> = scenarios()
        .iter()
        .flat_map(Scenario::quiet_signals)
        .collect();
    for spec in alerts::all() {
        // That one fires always: its silence is the alarm.
        let expected = spec.signal != AlertSignal::Watchdog;
        assert_eq!(quiet.contains(&spec.signal), expected, "{}", spec.name);
    }
}
