//! A build without an HTTP client, which can ask no Prometheus.

use std::io;

use crate::config::Config;
use crate::model::slo::Objectives;
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::telemetry::Telemetry;

pub(crate) const fn latest(_: &Config) -> Option<LatestFleetReport> {
    None
}

impl Telemetry {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as its sibling with a client"
    )]
    pub(crate) const fn refresh_fleet(&self, _: &Objectives) -> io::Result<()> {
        Ok(())
    }
}
