//! Puts the parts together and starts what runs beside the service.

use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_sdk::trace::SpanProcessor;

use super::exporters::Carry;
use super::heartbeat::{self, Pulse};
use super::{InitError, Inner, Telemetry, store};
use crate::config::{Config, EffectiveConfig, Environment, Role};
use crate::export::logs::LevelHandle;
use crate::export::prometheus::Scrape;
use crate::export::providers::Metrics;
use crate::model::slo::{Objectives, SloError};
use crate::model::snapshot::Latest;
use crate::model::snapshot::health::LatestHealth;
use crate::model::snapshot::slo::LatestSlo;
use crate::record::clock::Clock;
use crate::record::exemplars::Exemplars;
use crate::record::instruments::{
    Api, Business, Crew, Database, Executions, Jobs, Own, Watched, observe, observe_health,
    observe_slo,
};
use crate::record::series::Instruments;
use crate::record::slo_events::Ledger;
use crate::store::business_totals::Bookkeeper;
use crate::watch::health::{Health, Watching};
use crate::watch::heartbeat::{Beating, Sources};
use crate::watch::sampler::Sampler;
#[cfg(feature = "otlp")]
use crate::watch::slo::Refresh;
use crate::watch::slo::Tracker;
use crate::watch::status::{Evidence, Incidents};

/// What runs until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Background {
    sampler: Option<SyncSender<()>>,
    slo: Option<SyncSender<()>>,
    #[cfg(feature = "otlp")]
    fleet: Option<tokio::sync::oneshot::Sender<()>>,
    status: Option<SyncSender<()>>,
    books: Option<SyncSender<()>>,
    health: Option<Watching>,
    heart: Option<Beating>,
    /// The figures of the store's own database.
    #[cfg(feature = "postgres")]
    database: Option<super::Watch>,
    #[cfg(feature = "axum")]
    pub(super) servers: Vec<tokio::sync::oneshot::Sender<()>>,
}

impl Telemetry {
    pub(super) fn begin(
        config: Config,
        environment: &Environment,
    ) -> Result<(Self, Objectives), InitError> {
        let config = config.resolve(environment)?;
        let objectives = objectives(&config)?;
        let telemetry = Self::assemble(config, &objectives, Clock::system(), None)?;
        telemetry.start(&objectives)?;
        Ok((telemetry, objectives))
    }

    /// Puts the parts together; with a place for finished `spans`, nothing is pushed.
    pub(crate) fn assemble(
        config: EffectiveConfig,
        objectives: &Objectives,
        clock: Clock,
        spans: Option<Box<dyn SpanProcessor>>,
    ) -> Result<Self, InitError> {
        let settings = &config.config;
        let ledger = if settings.disabled {
            Ledger::default()
        } else {
            Ledger::of(objectives).without(settings.own_routes())
        };
        let (ours, user) = (
            Metrics::ours(settings, &ledger)?,
            Metrics::of_user(settings)?,
        );
        let exemplars = Exemplars::new(clock.clone(), ledger.clone());
        let thread = spans.is_none() && !settings.disabled;
        let limit = settings.metrics.cardinality_limit;
        let books = store::books(settings);
        let instruments =
            Instruments::new(ours.meter(), limit, exemplars.clone()).booked(books.clone());
        let carry = match spans {
            #[cfg(feature = "testing")]
            Some(spans) => Carry::into_memory(settings, spans),
            _ => Carry::start(settings, &instruments, vec![ours.clone(), user.clone()])?,
        };
        let own = Own::new(&instruments);
        let (running, crew) = (Watched::default(), Crew::default());
        let tracing = carry.traces.tracing();
        let jobs = Jobs::new(
            &instruments,
            &ledger,
            clock.clone(),
            running.clone(),
            crew.clone(),
            tracing.clone(),
        );
        let latest = Latest::default();
        observe(&instruments, &latest, &ledger);
        #[cfg(feature = "postgres")]
        crate::record::instruments::observe_databases(&instruments, &latest);
        let health_now = LatestHealth::default();
        observe_health(&instruments, &health_now, &clock);
        let slo = LatestSlo::default();
        observe_slo(&instruments, &slo);
        let health = Health::new(
            clock.clone(),
            settings.health.clone(),
            health_now.clone(),
            latest.clone(),
        );
        let jobs_running = running.clone();
        let figures = latest.clone();
        let sampler = Sampler::new(
            clock.clone(),
            latest,
            running,
            own.clone(),
            settings.metrics.disks.clone(),
        );
        let scope_labels = settings.metrics.prometheus.scope_labels;
        let api = Api::new(&instruments, &ledger, settings.own_routes());
        let executions = Executions::new(
            &instruments,
            clock.clone(),
            crew.clone(),
            heartbeat::scheduler(&settings.service),
            tracing.clone(),
        );
        let sources = Sources {
            clock: clock.clone(),
            crew,
            jobs: jobs_running,
            executions: executions.clone(),
            latest: figures,
        };
        let pulse = Pulse::new(settings, &instruments, sources, ledger.clone(), thread)?;
        store::check(settings, &health, &pulse.keeper);
        let evidence = Evidence {
            health: health_now.clone(),
            reception: Arc::clone(&pulse.reception),
            slo: slo.clone(),
            fleet: pulse.keeper.is_shared(),
        };
        let keeper = pulse.keeper.clone();
        let incidents = Incidents::new(settings, clock.clone(), keeper, evidence);
        let books = Bookkeeper::new(
            books,
            pulse.keeper.clone(),
            clock.clone(),
            &store::instance(&settings.service),
        );
        let slo = Tracker::new(
            clock.clone(),
            settings.slo.clone(),
            objectives,
            ledger.clone(),
            health_now,
            slo,
            store::slices(settings, &pulse.keeper),
        );
        #[cfg(feature = "otlp")]
        let fleet = crate::watch::slo::fleet_place(settings);
        #[cfg(not(feature = "otlp"))]
        let fleet = None;
        for role in &settings.service.roles {
            match role {
                Role::Api => api.announce(),
                Role::Worker => jobs.announce(),
                Role::Scheduler => executions.announce(),
                // Its pages read what the others record.
                Role::Web => {}
            }
        }
        Ok(Self(Arc::new(Inner {
            api,
            executions,
            database: Database::new(&instruments, clock.clone(), tracing.clone()),
            business: Business::new(&instruments),
            books,
            scrape: Arc::new(Scrape::new(
                ours.clone(),
                user.clone(),
                exemplars,
                own,
                scope_labels,
            )),
            background: Mutex::default(),
            levels: LevelHandle::new(config.config.logs.level.clone()),
            #[cfg(feature = "axum")]
            started_at: clock.wall(),
            config,
            clock,
            ledger,
            ours,
            user,
            jobs,
            sampler,
            slo,
            fleet,
            incidents,
            health,
            carry,
            pulse,
        })))
    }

    fn start(&self, objectives: &Objectives) -> Result<(), InitError> {
        if !self.0.config.config.disabled {
            self.0.sampler.tick();
            self.background(|background| {
                background.sampler = Some(self.0.sampler.start()?);
                background.heart = Some(self.0.pulse.start()?);
                if store::are_booked(&self.0.config.config) {
                    background.books = Some(self.0.books.start()?);
                }
                Ok::<_, io::Error>(())
            })?;
        }
        #[cfg(feature = "postgres")]
        self.watch_store()?;
        let watching = self.0.health.start()?;
        self.background(|background| background.health = Some(watching));
        if !self.0.config.config.disabled {
            self.0.slo.tick();
            let tracking = self.0.slo.start()?;
            let watching = self.0.incidents.start()?;
            self.background(|background| {
                background.slo = Some(tracking);
                background.status = watching;
            });
            self.ask_the_fleet(objectives)?;
        }
        // Also when disabled: whoever probes health must not take the service for dead.
        #[cfg(feature = "axum")]
        if let Some(address) = self.0.config.config.http.listen {
            self.serve(address)?;
        }
        Ok(())
    }

    /// Starts to ask for the fleet's report, where the configuration says whom.
    #[cfg(feature = "otlp")]
    fn ask_the_fleet(&self, objectives: &Objectives) -> io::Result<()> {
        let config = &self.0.config.config;
        let latest = self.0.fleet.clone();
        let refresh = latest
            .and_then(|latest| Refresh::new(config, objectives, self.0.clock.clone(), latest));
        let asking = refresh.map(Refresh::start).transpose()?;
        self.background(|background| background.fleet = asking);
        Ok(())
    }

    #[cfg(not(feature = "otlp"))]
    #[expect(clippy::unnecessary_wraps, reason = "with the client it can fail")]
    fn ask_the_fleet(&self, _: &Objectives) -> io::Result<()> {
        Ok(())
    }

    /// A database that keeps what we know is worth watching, whoever else does.
    #[cfg(feature = "postgres")]
    fn watch_store(&self) -> Result<(), InitError> {
        let config = &self.0.config.config;
        if config.disabled || config.store.kind != crate::config::StoreKind::Postgres {
            return Ok(());
        }
        let address = store::address(config).map_err(InitError::Store)?;
        let watch = self.watch_address("store", address);
        let watch = watch.map_err(|error| InitError::Store(io::Error::other(error)))?;
        self.background(|background| background.database = Some(watch));
        Ok(())
    }

    pub(super) fn say_hello(&self, objectives: &Objectives) {
        const OURS: &str = "vantage_obs";
        let config = &self.0.config.config;
        for warning in self.0.config.warnings() {
            tracing::warn!(target: OURS, "{warning}");
        }
        for warning in objectives.warnings() {
            tracing::warn!(target: OURS, "{warning}");
        }
        for warning in objectives.unreachable(&config.slo.alert_policy()) {
            tracing::warn!(target: OURS, "{warning}");
        }
        tracing::info!(
            target: OURS,
            version = config.service.version,
            metrics = crate::model::catalog::all().count(),
            objectives = objectives.len(),
            listen = config.http.listen.map(tracing::field::display),
            scrape = config.metrics.prometheus.path,
            otlp = config.otlp.endpoint.as_ref().map(tracing::field::display),
            "telemetry is set up; to check, look at the scrape path, and run `vantage-obs doctor` for otlp"
        );
    }

    pub(super) fn background<R>(&self, change: impl FnOnce(&mut Background) -> R) -> R {
        change(
            &mut self
                .0
                .background
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// The default directory may be missing: then there are no objectives.
fn objectives(config: &EffectiveConfig) -> Result<Objectives, SloError> {
    let directory = &config.config.slo.directory;
    if directory.is_dir() {
        Objectives::load(directory)
    } else {
        Ok(Objectives::default())
    }
}
