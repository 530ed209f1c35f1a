//! The dashboards: an overview whose colours are the levels of the alerts, then rate, errors and
//! duration, then saturation.
//!
//! Every query starts at the catalog and every level at the alerts; titles and order are what is
//! written here.

mod api;
mod business;
mod database;
mod scheduler;
mod sheet;
mod slo;
mod worker;

use super::grafana::Dashboard;
use super::{GeneratedFile, Source};
use sheet::Sheet;

/// The files of all dashboards.
pub(super) fn files(source: &Source) -> Vec<GeneratedFile> {
    all(source).iter().map(file).collect()
}

fn all(source: &Source) -> [Dashboard; 6] {
    let sheet = Sheet::new(source);
    [
        api::dashboard(&sheet),
        worker::dashboard(&sheet),
        scheduler::dashboard(&sheet),
        database::dashboard(&sheet),
        business::dashboard(&sheet),
        slo::dashboard(&sheet),
    ]
}

fn file(dashboard: &Dashboard) -> GeneratedFile {
    // The alternate form of JSON has two spaces, as Grafana's own export.
    let text = format!("{:#}\n", dashboard.json());
    GeneratedFile::new(format!("grafana/dashboards/{}.json", dashboard.uid), text)
}

#[cfg(test)]
mod tests;
