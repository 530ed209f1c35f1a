//! The latest snapshots: written by the loops, read by instruments, routes and pages.
//!
//! A snapshot is replaced as a whole and read without a lock. Readers may be a moment behind, and
//! never see half of one.

use super::recording::Recording;
use super::{fleet, postgres};
use crate::config::Config;
use crate::model::snapshot::LatestSnapshot;
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::model::snapshot::health::LatestHealth;
use crate::model::snapshot::slo::LatestSloReport;
use crate::record::instruments::{observe_build, observe_health, observe_slo, observe_snapshot};

/// The places of all snapshots.
#[derive(Debug)]
pub(super) struct Snapshots {
    pub(super) sampled: LatestSnapshot,
    pub(super) health: LatestHealth,
    pub(super) slo: LatestSloReport,
    /// `None` where no Prometheus is configured.
    pub(super) fleet: Option<LatestFleetReport>,
}

impl Snapshots {
    /// Makes the snapshots, and the instruments that show them.
    pub(super) fn new(config: &Config, recording: &Recording) -> Self {
        let Recording {
            instruments,
            slo_events,
            clock,
            ..
        } = recording;
        let snapshots = Self {
            sampled: LatestSnapshot::default(),
            health: LatestHealth::default(),
            slo: LatestSloReport::default(),
            fleet: fleet::latest(config),
        };
        observe_build(instruments, &config.service);
        observe_snapshot(instruments, &snapshots.sampled, slo_events);
        postgres::observe(instruments, &snapshots.sampled);
        observe_health(instruments, &snapshots.health, clock);
        observe_slo(instruments, &snapshots.slo);
        snapshots
    }
}
