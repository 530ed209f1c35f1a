//! Puts the parts together and starts what runs beside the service.
//!
//! The order of assembly is that of dependence: recording, exporters, handles, snapshots, loops.
//! Nothing starts before everything is put together, so that a fault in a late part leaves no
//! thread behind from an early one.

use std::sync::Arc;

use opentelemetry_sdk::trace::SpanProcessor;

use super::background::Background;
use super::dev::Dev;
use super::exporters::Exporters;
use super::heartbeat::HeartbeatParts;
use super::listening::Listening;
use super::recording::{Handles, Recording};
use super::routes::Server;
use super::snapshots::Snapshots;
use super::watchers::Watchers;
use super::{InitError, Inner, Telemetry, store};
use crate::background::Supervisor;
use crate::config::{Config, EffectiveConfig, Environment};
use crate::export::logs::{LevelHandle, LogWriters, PanicLog};
use crate::model::fault::MAX_LISTED;
use crate::model::slo::{Objectives, SloError};
use crate::record::business_totals::BusinessTotals;
use crate::record::clock::Clock;
use crate::record::instruments::{observe_log_lines, observe_threads};

/// The target of the lines at the start.
const OURS: &str = "vantage_obs";

/// The parts of a start that are told once logging is set up.
#[derive(Debug)]
pub(super) struct Started {
    objectives: Objectives,
    listening: Listening,
}

impl Telemetry {
    /// Puts the telemetry together and starts it; returns the objectives too, whose warnings are
    /// logged once a subscriber is there.
    pub(super) fn begin(
        config: Config,
        environment: &Environment,
    ) -> Result<(Self, Started), InitError> {
        let config = config.resolve(environment)?;
        let objectives = objectives(&config)?;
        let supervisor = Supervisor::default();
        let telemetry = Self::assemble(config, &objectives, Clock::system(), None, supervisor)?;
        let listening = telemetry.start(&objectives)?;
        let started = Started {
            objectives,
            listening,
        };
        Ok((telemetry, started))
    }

    /// Puts the parts together; with a place for finished `spans`, nothing is pushed.
    pub(super) fn assemble(
        config: EffectiveConfig,
        objectives: &Objectives,
        clock: Clock,
        spans: Option<Box<dyn SpanProcessor>>,
        supervisor: Supervisor,
    ) -> Result<Self, InitError> {
        let settings = &config.config;
        let threads = spans.is_none() && !settings.disabled;
        // A test has no store, and asks for the totals itself.
        let business_totals = match spans.is_some() {
            true => BusinessTotals::enabled(),
            false => store::business_totals(settings),
        };
        let recording = Recording::new(settings, objectives, clock, supervisor, business_totals)?;
        // Before the others, whose failures are told by it. Does nothing in tests, which tell at once.
        recording.supervisor.start_log_queue();
        let dev = Dev::new(settings, &recording.clock);
        let exporters = Exporters::new(settings, &recording, &dev, spans)?;
        let handles = Handles::new(settings, &recording, exporters.traces.tracer());
        let snapshots = Snapshots::new(settings, &recording);
        let sources = handles.heartbeat_sources(&recording.clock, &snapshots.sampled);
        let heartbeat = HeartbeatParts::new(settings, &recording, sources, threads)?;
        let watch = Watchers::new(
            settings, objectives, &recording, &handles, &snapshots, &heartbeat,
        );
        let log_writers = LogWriters::new(recording.supervisor.clone());
        let writers = log_writers.clone();
        let supervisor = recording.supervisor.clone();
        observe_threads(&recording.instruments, move || supervisor.threads());
        observe_log_lines(&recording.instruments, move || writers.lost_lines());
        watch.observe_hanging_callbacks(&recording);
        handles.initialize(&settings.service.roles);
        Ok(Self(Arc::new(Inner {
            scrape: Arc::new(recording.scrape(settings)),
            levels: LevelHandle::new(settings.logs.level.clone()),
            log_writers,
            panic_log: PanicLog::default(),
            server: Server::new(&recording),
            background: Background::default(),
            config,
            recording,
            exporters,
            dev,
            handles,
            #[cfg(feature = "tokio-metrics")]
            runtimes: super::runtime::Runtimes::default(),
            snapshots,
            heartbeat,
            watch,
        })))
    }

    /// Starts the loops and the server. If one fails, the guards that are kept end the others when
    /// the telemetry is dropped.
    fn start(&self, objectives: &Objectives) -> Result<Listening, InitError> {
        let Inner {
            config,
            heartbeat,
            watch,
            background,
            recording,
            ..
        } = &*self.0;
        let supervisor = &recording.supervisor;
        let enabled = !config.config.disabled;
        if enabled {
            watch.start_sampling(&config.config, supervisor, background);
            background.keep(heartbeat.start(supervisor)?);
        }
        self.watch_store()?;
        // Also when disabled, as the listener below: health is no telemetry.
        background.keep(watch.health.start());
        if enabled {
            // After health, whose results some objectives count.
            watch.start_evaluating(supervisor, background);
            self.refresh_fleet(objectives)?;
        }
        // Also when disabled: whoever probes health must not take the service for dead.
        Ok(self.listen()?)
    }

    /// Logs the warnings, and what was set up. After the subscriber is installed: before, the lines
    /// would be lost.
    pub(super) fn say_hello(&self, started: &Started) {
        let Started {
            objectives,
            listening,
        } = started;
        let config = &self.0.config.config;
        self.0.recording.supervisor.start_telling();
        let of_config = self.0.config.warnings().iter().map(ToString::to_string);
        let of_listening = listening.warnings.iter().map(ToString::to_string);
        let of_objectives = objectives.warnings().map(ToString::to_string);
        let policy = config.slo.alert_policy();
        let of_alerts = objectives.unreachable_alerts(&policy);
        log_warnings(of_config.chain(of_listening));
        log_warnings(of_objectives.chain(of_alerts.map(|warning| warning.to_string())));
        tracing::info!(
            target: OURS,
            version = config.service.version,
            metrics = crate::model::catalog::all().count(),
            objectives = objectives.len(),
            listen = listening.address.map(tracing::field::display),
            scrape = config.scrape_path(),
            access = config.access(),
            otlp = config.otlp.endpoint.as_ref().map(tracing::field::display),
            "telemetry is set up; to verify it, request the scrape path, and run `vantage-obs doctor` to check OTLP"
        );
        if config.shows_dev() {
            tracing::info!(
                target: OURS,
                path = format!("{}/dev", config.http.prefix()),
                "the development page is on: it shows spans and log lines to this machine"
            );
        }
    }
}

/// Logs the first warnings, and the number of the others.
fn log_warnings(mut warnings: impl Iterator<Item = String>) {
    for warning in warnings.by_ref().take(MAX_LISTED) {
        tracing::warn!(target: OURS, "{warning}");
    }
    match warnings.count() {
        0 => {}
        more => tracing::warn!(target: OURS, "and {more} more warnings like these"),
    }
}

/// The default directory may be missing: then there are no objectives.
fn objectives(config: &EffectiveConfig) -> Result<Objectives, SloError> {
    let directory = &config.config.slo.directory;
    if directory.is_dir() {
        Objectives::load_with(directory, &config.config.figures)
    } else {
        Ok(Objectives::default())
    }
}
