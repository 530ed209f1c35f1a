//! Files generated from the declarations: Prometheus rules, dashboards, runbooks.
//!
//! A [`plan`] is the text of every file, by its path below the folder that they go to. It is made from
//! the catalog, the alerts, the objectives and the configuration alone, and is the same to the byte
//! whenever those are.
//!
//! ```no_run
//! use vantage_obs::generate::{GenerateInput, plan};
//! use vantage_obs::slo::Objectives;
//! use vantage_obs::Config;
//!
//! let input = GenerateInput::new(Config::from_file("obs.json")?, Objectives::load("slo")?);
//! for file in plan(&input) {
//!     println!("{}: {} bytes", file.path, file.text.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | files | from | read by |
//! |---|---|---|
//! | `prometheus/rules` | alerts, objectives, policy | Prometheus |
//! | `grafana/dashboards`, `grafana/provisioning` | catalog, alerts | Grafana |
//! | `runbooks` | alerts, prose in Markdown | people on call |
//! | the same of figures | `figures` of the configuration | all of them |
//! | `prometheus/*.example.yml` | severities, labels | whoever sets it up |
//!
//! Beside them stand the files that a service starts with, which belong to it: [`config_file`],
//! [`objective_files`], [`tool_files`].
//!
//! Queries are built from the catalog and never typed as text, so that a metric that is renamed is
//! renamed everywhere, and one that does not exist does not compile.

mod alerts;
mod dashboards;
mod datasources;
mod examples;
mod file;
mod grafana;
mod input;
mod rule;
mod rules;
mod runbooks;
mod starter;
mod yaml;

pub use file::{FileStatus, GeneratedFile, MANUAL_SECTION_MARKER};
pub use input::{GenerateInput, TimeScale};
pub use starter::{
    COMPOSE_FILE_NAME, CONFIG_FILE_NAME, StarterInput, config_file, objective_files, tool_files,
};

use std::io;
use std::path::Path;

use crate::config::Config;
use crate::model::input_file::read_input_text;

/// The characters of the longest expression of a panel, a rule or a runbook. What is longer is recorded by
/// a rule, and read by its name.
#[cfg(test)]
const MAX_EXPRESSION_LENGTH: usize = 300;

/// Returns all generated files, sorted by path.
#[must_use]
pub fn plan(input: &GenerateInput) -> Vec<GeneratedFile> {
    let mut files = dashboards::files(input);
    files.extend(datasources::files(input));
    files.extend(rules::files(input));
    files.extend(examples::files(input));
    files.extend(runbooks::files(input));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Returns the configuration of the platform whose generated files the repository has: the defaults, with the
/// figures that the library ships.
#[must_use]
pub fn platform_config() -> Config {
    let mut config = Config::default();
    config.business = true;
    config
}

/// Reads a text that the command is pointed to: a file in the place of a generated one, or that of a token.
///
/// # Errors
///
/// Where it cannot be read, is not UTF-8, not a regular file, or larger than 4 MiB.
pub fn read_file(path: &Path) -> io::Result<String> {
    read_input_text(path)
}
