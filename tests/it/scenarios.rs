//! Stories that alerts are told, for `promtool test rules`: for each one in which it fires at the right
//! minute with the right text, and one in which it stays quiet.
//!
//! They are written here and committed as `prometheus/tests/*.yml`, so that anybody can run them
//! without Rust; `BLESS=1 cargo test --all-features --test it scenarios` writes them anew. Times and
//! values are worked out by hand, beside each story.

mod absent;
mod api;
mod budget;
mod business;
mod database;
mod own;
mod process;
mod scheduler;
mod story;
mod worker;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vantage_obs::Config;
use vantage_obs::alerts::{self, Severity, Signal};
use vantage_obs::generate::plan;

use crate::generated::source;
use story::{File, Story};

fn files() -> Vec<File> {
    vec![
        File::new("api", "1m", api::stories()),
        File::new("process", "1m", process::stories()),
        File::new("worker", "1m", worker::stories()),
        File::new("scheduler", "1m", scheduler::stories()),
        File::new("database", "1m", database::stories()),
        File::new("absent", "1m", absent::stories()),
        File::new("own", "1m", own::stories()),
        File::new("budget", "1m", budget::stories()),
        // What takes days is looked at less often.
        File::new("growth", "5m", database::long_stories()),
        File::new("business", "15m", business::stories()),
    ]
}

fn stories() -> Vec<Story> {
    files().into_iter().flat_map(|file| file.stories).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/tests")
}

/// The groups of rules in the order in which they are to be evaluated: alerts read what is recorded.
fn groups() -> Vec<String> {
    let files = plan(&source(Config::default()));
    let group = |line: &str| {
        Some(
            line.strip_prefix("  - name: \"")?
                .strip_suffix('"')?
                .to_owned(),
        )
    };
    let of = |name: &str| {
        let file = files.iter().find(|file| file.path.ends_with(name)).unwrap();
        file.text.lines().filter_map(group).collect::<Vec<_>>()
    };
    [of("vantage-recording.yml"), of("vantage-alerts.yml")].concat()
}

#[test]
fn committed_stories_are_those_that_are_written_here() {
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
    let known: BTreeSet<_> = files().iter().map(File::name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name}");
    }
}

#[test]
fn every_level_of_every_alert_fires_in_a_story() {
    let source = source(Config::default());
    let fired: BTreeSet<_> = stories().iter().flat_map(Story::fired).collect();
    for spec in alerts::ALL {
        let levels: Vec<_> = match spec.signal {
            Signal::Watchdog => vec![None],
            Signal::ErrorBudget => vec![Some(Severity::Warning), Some(Severity::Critical)],
            signal => {
                let levels = source.config.alerts.levels(signal);
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
fn every_burn_rate_of_every_objective_fires_in_a_story() {
    let fired: BTreeSet<_> = stories().iter().flat_map(Story::objectives).collect();
    for objective in &source(Config::default()).objectives {
        for severity in [Severity::Warning, Severity::Critical] {
            let level = (objective.id().to_owned(), severity);
            assert!(fired.contains(&level), "{level:?}");
        }
    }
}

#[test]
fn every_alert_but_the_watchdog_stays_quiet_in_a_story_of_its_own() {
    let quiet: BTreeSet<_> = stories().iter().flat_map(Story::kept_quiet).collect();
    for spec in alerts::ALL {
        // That one fires always: its silence is the alarm.
        let expected = spec.signal != Signal::Watchdog;
        assert_eq!(quiet.contains(&spec.signal), expected, "{}", spec.name);
    }
}
