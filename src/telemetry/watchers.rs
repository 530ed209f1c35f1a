//! The loops that turn signals into snapshots.

use std::sync::Arc;

use super::background::Background;
use super::heartbeat::HeartbeatParts;
use super::recording::{Handles, Recording};
use super::snapshots::Snapshots;
use super::{identity, store};
use crate::background::Supervisor;
use crate::config::Config;
use crate::model::slo::Objectives;
use crate::record::instruments::observe_hanging_callbacks;
use crate::store::business_totals::BusinessTotalsWriter;
use crate::watch::health::HealthWatcher;
use crate::watch::sampler::SnapshotSampler;
use crate::watch::slo::SloTracker;
use crate::watch::status::{Incidents, StatusSources};

/// The loops and their state. Without [`start_sampling`](Self::start_sampling) and its sibling they
/// are moved by hand, as tests do.
#[derive(Debug)]
pub(super) struct Watchers {
    pub(super) sampler: SnapshotSampler,
    pub(super) health: HealthWatcher,
    pub(super) slo: SloTracker,
    pub(super) incidents: Incidents,
    pub(super) business_totals: BusinessTotalsWriter,
}

impl Watchers {
    pub(super) fn new(
        config: &Config,
        objectives: &Objectives,
        recording: &Recording,
        handles: &Handles,
        snapshots: &Snapshots,
        heartbeat: &HeartbeatParts,
    ) -> Self {
        let clock = &recording.clock;
        let store_writer = &heartbeat.store_writer;
        let sampler = SnapshotSampler::new(
            clock.clone(),
            snapshots.sampled.clone(),
            handles.in_flight.clone(),
            recording.self_telemetry.clone(),
            config.metrics.disks.clone(),
            recording.supervisor.clone(),
        );
        let health = HealthWatcher::new(
            clock.clone(),
            config.health.clone(),
            snapshots.health.clone(),
            snapshots.sampled.clone(),
            recording.supervisor.clone(),
        );
        // Registered first, so that the id `store` is taken before the service can use it.
        store::check(config, &health, store_writer, &heartbeat.receiver);
        let status_sources = StatusSources {
            health: snapshots.health.clone(),
            heartbeat_receiver: Arc::clone(&heartbeat.receiver),
            slo: snapshots.slo.clone(),
            // Where the store is shared, the status is that of the fleet and not of this process.
            fleet: store_writer.is_shared(),
        };
        let slo = SloTracker::new(
            clock.clone(),
            config.slo.clone(),
            objectives,
            recording.slo_events.clone(),
            snapshots.health.clone(),
            snapshots.slo.clone(),
            store::slices(config, store_writer),
        );
        let slo = slo.with_workers(&heartbeat.receiver);
        let business_totals = BusinessTotalsWriter::new(
            recording.business_totals.clone(),
            store_writer.clone(),
            clock.clone(),
            &identity::instance(&config.service),
        );
        Self {
            incidents: Incidents::new(config, clock.clone(), store_writer.clone(), status_sources),
            sampler,
            health,
            slo,
            business_totals,
        }
    }

    /// Shows how many calls of the service's functions were given up and have not returned.
    pub(super) fn observe_hanging_callbacks(&self, recording: &Recording) {
        let metric = recording.user.callbacks().threads().hanging().clone();
        let sampler = self.sampler.hanging().clone();
        let check = self.health.hanging_checks().clone();
        let health = self.health.hanging_callbacks().clone();
        let slo = self.slo.hanging_callbacks().clone();
        observe_hanging_callbacks(&recording.instruments, move || {
            [
                ("check", check.count()),
                ("metric", metric.count()),
                ("notification", health.count() + slo.count()),
                ("sampler", sampler.count()),
            ]
        });
    }

    /// Starts what is sampled: a first sample is there before anything reads it.
    pub(super) fn start_sampling(
        &self,
        config: &Config,
        supervisor: &Supervisor,
        background: &Background,
    ) {
        self.sampler.tick();
        background.keep(self.sampler.start(supervisor));
        if store::keeps_business_totals(config) {
            background.keep(self.business_totals.start(supervisor));
        }
    }

    /// Starts what is evaluated from samples and checks.
    pub(super) fn start_evaluating(&self, supervisor: &Supervisor, background: &Background) {
        // A first report before the loop's first turn, so that the routes have an answer from the
        // start.
        self.slo.tick();
        background.keep(self.slo.start(supervisor));
        if let Some(incidents) = self.incidents.start(supervisor) {
            background.keep(incidents);
        }
    }

    /// Counts everything up to now, for the store.
    pub(super) fn conclude(&self) {
        self.slo.take_final_sample();
        self.incidents.stop();
        self.business_totals.save();
    }
}
