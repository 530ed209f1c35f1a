//! The targets of measurements: providers, instruments, and the handles of each family.
//!
//! Two meter providers, and not one: a user's instrument may panic in its callback, collide with a
//! name, or have a million series. None of that may take the crate's own metrics with it.

use opentelemetry_sdk::error::OTelSdkError;

use super::{InitError, identity};
use crate::background::Supervisor;
use crate::config::{Config, Role};
use crate::export::prometheus::ScrapeHandler;
use crate::export::providers::MetricProvider;
use crate::model::slo::Objectives;
use crate::model::snapshot::LatestSnapshot;
use crate::record::business_totals::BusinessTotals;
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::exemplars::Exemplars;
use crate::record::instruments::{
    ApiInstruments, Business, ClientInstruments, Database, ExecutionInstruments, FigureInstruments,
    FigureMetrics, InFlight, JobInstruments, LazySeries, SelfTelemetry, WorkerKeys,
};
use crate::record::library_errors;
use crate::record::middleware::OperationalRoutes;
use crate::record::series::Instruments;
use crate::record::slo_events::SloEvents;
use crate::record::trace::Tracer;
use crate::watch::heartbeat::HeartbeatSources;

/// The instruments, and what is read from beside them.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) clock: Clock,
    /// The supervisor of all threads of this telemetry.
    pub(super) supervisor: Supervisor,
    /// The counters of the objectives that count occurrences; empty where telemetry is disabled.
    pub(super) slo_events: SloEvents,
    /// The crate's own metrics.
    pub(super) ours: MetricProvider,
    /// The metrics of the service's own meters.
    pub(super) user: MetricProvider,
    /// The metrics that dependencies record by the facade, beside the latter.
    #[cfg(feature = "metrics")]
    pub(super) metrics_facade: super::metrics_facade::MetricsFacade,
    pub(super) instruments: Instruments,
    /// The figures that the configuration declares.
    figures: FigureInstruments,
    /// Kept where the store is shared; does nothing otherwise.
    pub(super) business_totals: BusinessTotals,
    pub(super) self_telemetry: SelfTelemetry,
    /// Written by the instruments, read by the scrape.
    exemplars: Exemplars,
}

impl Recording {
    pub(super) fn new(
        config: &Config,
        objectives: &Objectives,
        clock: Clock,
        supervisor: Supervisor,
        business_totals: BusinessTotals,
    ) -> Result<Self, InitError> {
        let slo_events = if config.disabled {
            SloEvents::default()
        } else {
            SloEvents::new(objectives)
        };
        let figure_metrics = FigureMetrics::default();
        let ours = MetricProvider::for_catalog(config, &slo_events, &figure_metrics)?;
        let user = MetricProvider::for_user(config)?;
        let exemplars = Exemplars::new(clock.clone(), slo_events.clone());
        let limit = config.metrics.cardinality_limit;
        let instruments = Instruments::new(ours.meter(), limit, exemplars.clone())
            .with_business_totals(business_totals.clone());
        Ok(Self {
            self_telemetry: SelfTelemetry::new(&instruments),
            supervisor,
            clock,
            slo_events,
            ours,
            user,
            figures: FigureInstruments::new(&instruments, figure_metrics, config.figures.clone()),
            #[cfg(feature = "metrics")]
            metrics_facade: super::metrics_facade::MetricsFacade::default(),
            instruments,
            business_totals,
            exemplars,
        })
    }

    /// Everything that a scrape shows.
    pub(super) fn scrape(&self, config: &Config) -> ScrapeHandler {
        ScrapeHandler::new(
            self.ours.clone(),
            self.user.clone(),
            self.exemplars.clone(),
            self.self_telemetry.clone(),
            config.metrics.prometheus.scope_labels,
            self.supervisor.clone(),
        )
    }

    /// Shuts both providers down; from then on they record nothing and show nothing.
    pub(super) fn shutdown(&self) {
        for metrics in [&self.ours, &self.user] {
            match metrics.shutdown() {
                // A second shutdown is allowed; only the first can lose anything.
                Ok(()) | Err(OTelSdkError::AlreadyShutdown) => {}
                Err(error) => {
                    tracing::warn!(%error, "a metrics pipeline did not shut down cleanly");
                }
            }
        }
    }
}

/// The handles of each family of metrics.
#[derive(Debug)]
pub(super) struct Handles {
    pub(super) api: ApiInstruments,
    pub(super) jobs: JobInstruments,
    pub(super) executions: ExecutionInstruments,
    pub(super) client: ClientInstruments,
    pub(super) database: Database,
    pub(super) figures: FigureInstruments,
    pub(super) business: LazySeries<Business>,
    /// The running work of all handles, which beats and gauges read.
    pub(super) in_flight: InFlight,
    pub(super) operational_routes: OperationalRoutes,
    /// The words of the handles for errors.
    pub(super) error_reasons: ErrorReasons,
    /// The workers that beat, filled by the handles of jobs and executions.
    worker_keys: WorkerKeys,
}

impl Handles {
    pub(super) fn new(config: &Config, recording: &Recording, tracer: &Tracer) -> Self {
        let Recording {
            instruments,
            slo_events,
            clock,
            figures,
            ..
        } = recording;
        let (in_flight, worker_keys) = (InFlight::default(), WorkerKeys::default());
        let error_reasons = library_errors::error_reasons();
        Self {
            api: ApiInstruments::new(instruments, slo_events),
            jobs: JobInstruments::new(
                instruments,
                slo_events,
                clock.clone(),
                in_flight.clone(),
                worker_keys.clone(),
                tracer.clone(),
                error_reasons.clone(),
            ),
            executions: ExecutionInstruments::new(
                instruments,
                clock.clone(),
                in_flight.clone(),
                worker_keys.clone(),
                identity::scheduler_id(&config.service),
                tracer.clone(),
                error_reasons.clone(),
            ),
            database: Database::new(
                instruments,
                clock.clone(),
                tracer.clone(),
                error_reasons.clone(),
            ),
            client: ClientInstruments::new(
                instruments,
                recording.self_telemetry.clone(),
                clock.clone(),
                tracer.clone(),
            ),
            figures: figures.clone(),
            business: LazySeries::new({
                let figures = figures.clone();
                move || Business::new(&figures)
            }),
            in_flight,
            worker_keys,
            error_reasons,
            operational_routes: OperationalRoutes::new(config.own_routes().map(|(path, _)| path)),
        }
    }

    /// Shows the families of a service's roles from the start.
    /// A counter that first appears with its first failure has no increase that a rule could see.
    pub(super) fn initialize(&self, roles: &[Role]) {
        for role in roles {
            match role {
                Role::Api => self.api.initialize(),
                Role::Worker => self.jobs.initialize(),
                Role::Scheduler => self.executions.initialize(),
                // Its pages read what the others record.
                Role::Web => {}
            }
        }
    }

    /// Returns the sources of what heartbeats report of this process.
    pub(super) fn heartbeat_sources(
        &self,
        clock: &Clock,
        latest: &LatestSnapshot,
    ) -> HeartbeatSources {
        HeartbeatSources {
            clock: clock.clone(),
            worker_keys: self.worker_keys.clone(),
            in_flight: self.in_flight.clone(),
            executions: self.executions.clone(),
            snapshot: latest.clone(),
        }
    }
}
