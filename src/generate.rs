//! Everything that is derived from the declarations: Prometheus's rules, dashboards, runbooks.
//!
//! A [`plan`] is the text of every file, by its path below the folder that they go to. It is made from
//! the catalog, the alerts, the objectives and the configuration alone, and is the same to the byte
//! whenever those are.
//!
//! ```no_run
//! use vantage_obs::generate::{Source, plan};
//! use vantage_obs::slo::Objectives;
//! use vantage_obs::Config;
//!
//! let source = Source::new(Config::from_file("obs.json")?, Objectives::load("slo")?);
//! for file in plan(&source) {
//!     println!("{}: {} bytes", file.path, file.text.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alert_query;
mod dashboards;
mod datasources;
mod examples;
mod file;
mod grafana;
mod input;
mod rule;
mod rules;
mod runbooks;
mod yaml;

pub use crate::model::promql;
pub use file::{Found, GeneratedFile, HAND_WRITTEN};
pub use input::{Pace, Source};

/// Every file, in the order of their paths.
#[must_use]
pub fn plan(source: &Source) -> Vec<GeneratedFile> {
    let mut files = dashboards::files(source);
    files.extend(datasources::files(source));
    files.extend(rules::files(source));
    files.extend(examples::files(source));
    files.extend(runbooks::files(source));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}
