//! The fleet's report, where the configuration names a Prometheus.
//!
//! A snapshot like the others: a page never waits for Prometheus, which may be slow exactly when
//! people look at the page.

use std::io;

use crate::config::Config;
use crate::model::slo::Objectives;
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::telemetry::Telemetry;
use crate::watch::slo::{FleetRefresher, latest_fleet};

/// Returns the place of the latest report.
pub(crate) fn latest(config: &Config) -> Option<LatestFleetReport> {
    latest_fleet(config)
}

impl Telemetry {
    /// Starts to refresh the report.
    pub(crate) fn refresh_fleet(&self, objectives: &Objectives) -> io::Result<()> {
        let Some(latest) = self.0.snapshots.fleet.clone() else {
            return Ok(());
        };
        let (config, clock) = (&self.0.config.config, self.0.recording.clock.clone());
        if let Some(refresher) = FleetRefresher::new(config, objectives, clock, latest) {
            let guard = refresher.start(&self.0.recording.supervisor)?;
            self.0.background.keep(guard);
        }
        Ok(())
    }
}
