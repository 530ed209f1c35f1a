//! Where the figures of a report come from.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use vantage_obs::config::{self, Config, Endpoint, Environment, Secret, StoreKind};
use vantage_obs::fleet::{Fleet, FleetReport};
use vantage_obs::slo::policy::Policy;
use vantage_obs::slo::report::Report;
use vantage_obs::slo::{Objectives, Rolling};
use vantage_obs::stored::{Stored, StoredError};
use vantage_obs::units::parse_duration;

use crate::config::{readable, secret};
use crate::output::Failure;

/// Where to look, and as whom.
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// The folder with the objectives' JSON files [default: the configuration's, or else slo].
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A service's config file, read with the environment as the service reads it: its objectives,
    /// alert policy and slo.prometheus hold [default: the one that VANTAGE_OBS_CONFIG names, if any].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    origin: Origin,
    /// The environment variable that holds the bearer token [default: the configuration's token, for
    /// the configuration's URL only].
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The authority that signed the server's certificate, in PEM form [default: the configuration's
    /// for its URL, or else the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How often the API takes samples; three without one are stale [default: the configuration's
    /// metrics.prometheus.scrape_interval, or else 1m].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    scrape_interval: Option<Duration>,
    /// The instance in the store: its service.instance_id, or the service's name where it has none
    /// [default: each of them].
    #[arg(long, value_name = "NAME", requires = "store")]
    instance: Option<String>,
    /// How long all of it may take.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s")]
    deadline: Duration,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Origin {
    /// The base of a Prometheus-compatible API: the fleet's figures [default: slo.prometheus.url].
    #[arg(long, value_name = "URL")]
    prometheus: Option<Endpoint>,
    /// The base of a service: its own figures, as its /api/v1/slo answers.
    #[arg(long, value_name = "URL")]
    url: Option<Endpoint>,
    /// A store, for what services have kept in it: file:PATH or postgres://USER:PASSWORD@HOST/NAME;
    /// without a value the configuration's. A file is read while its service is down.
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "", value_parser = store)]
    store: Option<Named>,
}

/// A store as somebody writes it.
#[derive(Clone, Debug)]
enum Named {
    /// The configuration's.
    Configured,
    This(Box<config::Store>),
}

/// Whom to ask.
pub(super) enum Source {
    /// A Prometheus-compatible API, about these objectives.
    Fleet(Fleet, Objectives),
    /// A service, which has a report of its own.
    Service(Fleet, Policy),
    /// A store, about an instance or all, and how they judge.
    Store {
        store: Box<config::Store>,
        instance: Option<String>,
        objectives: Objectives,
        slo: Box<config::Slo>,
    },
}

/// A report, and what it lacks.
pub(super) struct Found {
    /// Whose it is, where a store has several.
    pub(super) instance: Option<String>,
    pub(super) report: Report,
    /// What an alert is in it.
    pub(super) policy: Policy,
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Sources {
    pub(super) fn source(&self) -> Result<Source, Failure> {
        let config = self.configured()?;
        let settings = config.as_ref();
        if let Some(url) = &self.origin.url {
            let policy = settings.map(|config| config.slo.alert_policy());
            return Ok(Source::Service(
                self.client(url, settings)?,
                policy.unwrap_or_default(),
            ));
        }
        if let Some(store) = &self.origin.store {
            return self.stored(store, settings);
        }
        let configured = || settings?.slo.prometheus.url.as_ref();
        let Some(url) = self.origin.prometheus.as_ref().or_else(configured) else {
            let why = "--prometheus, --url or --store is missing, and no configuration names slo.prometheus.url";
            return Err(Failure::Usage(why.into()));
        };
        let fleet = self.client(url, settings)?;
        Ok(Source::Fleet(fleet, self.objectives(settings)?))
    }

    fn stored(&self, store: &Named, config: Option<&Config>) -> Result<Source, Failure> {
        let store = match store {
            Named::This(store) => Some(&**store),
            Named::Configured => config.map(|config| &config.store),
        };
        let Some(store) = store else {
            let why = "--store without a value is the configuration's, and there is none";
            return Err(Failure::Usage(why.into()));
        };
        let slo = config.map(|config| config.slo.clone()).unwrap_or_default();
        Ok(Source::Store {
            store: Box::new(store.clone()),
            instance: self.instance.clone(),
            objectives: self.objectives(config)?,
            slo: Box::new(slo),
        })
    }

    /// The configuration, where one is named.
    fn configured(&self) -> Result<Option<Config>, Failure> {
        let environment = Environment::process();
        let named = environment.get("VANTAGE_OBS_CONFIG").is_some();
        let config = match &self.config {
            Some(file) => {
                readable(file)?;
                Config::default().with_file(file)
            }
            None if named => Config::default(),
            None => return Ok(None),
        };
        match config.resolve(&environment) {
            Ok(effective) => Ok(Some(effective.config)),
            Err(error) => Err(Failure::Usage(error.to_string())),
        }
    }

    fn objectives(&self, config: Option<&Config>) -> Result<Objectives, Failure> {
        let configured = || Some(config?.slo.directory.clone());
        let folder = self.folder.clone().or_else(configured);
        let folder = folder.unwrap_or_else(|| "slo".into());
        let unreadable = |cause: io::Error| Failure::Unreadable {
            path: folder.display().to_string(),
            cause,
        };
        std::fs::read_dir(&folder).map_err(unreadable)?;
        Objectives::load(&folder).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// Asks at this base, with what the configuration says of it.
    fn client(&self, url: &Endpoint, config: Option<&Config>) -> Result<Fleet, Failure> {
        let mut fleet = match config {
            Some(config) => Fleet::of(url.clone(), config),
            None => Fleet::new(url.clone()),
        };
        // Credentials of one server are no other's business.
        if config.and_then(|config| config.slo.prometheus.url.as_ref()) != Some(url) {
            (fleet.token, fleet.tls.ca) = (None, None);
        }
        fleet.deadline = self.deadline;
        if let Some(interval) = self.scrape_interval {
            fleet.scrape_interval = interval;
        }
        if self.ca.is_some() {
            fleet.tls.ca.clone_from(&self.ca);
        }
        if let Some(name) = &self.token_env {
            fleet.token = Some(secret(name)?);
        }
        Ok(fleet)
    }
}

impl Source {
    /// The report of this moment; each objective over a window that is not its own, if one is given.
    pub(super) fn report(
        &self,
        at: Option<Timestamp>,
        over: Option<Rolling>,
        err: &mut dyn Write,
    ) -> Result<Vec<Found>, Failure> {
        let since = over.is_some();
        let over = |objectives: &Objectives| match over {
            Some(window) => objectives.over(window),
            None => objectives.clone(),
        };
        let moment = || at.unwrap_or_else(Timestamp::now);
        let found = match self {
            Source::Fleet(fleet, objectives) => {
                of_the_fleet(fleet, &over(objectives), moment(), err)?
            }
            Source::Store {
                store,
                instance,
                objectives,
                slo,
            } => {
                let objectives = over(objectives);
                return of_a_store(store, instance.as_deref(), &objectives, slo, moment());
            }
            Source::Service(service, policy) => {
                if at.is_some() || since {
                    let why = "--at, --since and --compare are not for --url: a service tells of now only";
                    return Err(Failure::Usage(why.into()));
                }
                of_a_service(service, policy)?
            }
        };
        Ok(vec![found])
    }
}

impl Source {
    /// With how budgets were spent, where that has to be asked for.
    pub(super) fn with_courses(mut self) -> Self {
        if let Source::Fleet(fleet, _) = &mut self {
            fleet.courses = true;
        }
        self
    }
}

/// A store by its address; empty for the configuration's.
fn store(text: &str) -> Result<Named, String> {
    let mut store = config::Store::default();
    if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
        (store.kind, store.path) = (StoreKind::File, Some(path.into()));
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        (store.kind, store.url) = (StoreKind::Postgres, Some(Secret::new(text)));
    } else if text.is_empty() {
        return Ok(Named::Configured);
    } else {
        return Err("allowed: file:PATH, or postgres://USER:PASSWORD@HOST/NAME".into());
    }
    Ok(Named::This(Box::new(store)))
}

fn of_a_store(
    store: &config::Store,
    instance: Option<&str>,
    objectives: &Objectives,
    slo: &config::Slo,
    at: Timestamp,
) -> Result<Vec<Found>, Failure> {
    let told = |error: StoredError| Failure::Usage(error.to_string());
    let stored = Stored::read_blocking(store, instance, Timestamp::MIN).map_err(told)?;
    let reports = stored.reports(objectives, slo, at);
    if reports.is_empty() {
        let why = match instance {
            Some(name) => format!("the store has no slices of an instance {name:?}"),
            None => "the store has no slices of any instance".into(),
        };
        return Err(Failure::Usage(why));
    }
    let found = reports.into_iter().map(|(instance, report)| Found {
        instance: Some(instance),
        report,
        policy: slo.alert_policy(),
        failures: Vec::new(),
        warnings: Vec::new(),
    });
    Ok(found.collect())
}

fn of_the_fleet(
    fleet: &Fleet,
    objectives: &Objectives,
    at: Timestamp,
    err: &mut dyn Write,
) -> Result<Found, Failure> {
    let shown = io::stderr().is_terminal();
    let progress = |done, total| {
        if shown {
            let end = if done == total { "\r\x1b[K" } else { "" };
            // Nobody waits for it.
            let _ = write!(err, "\rasking: {done} of {total}{end}");
        }
    };
    let FleetReport {
        report,
        failures,
        warnings,
        ..
    } = fleet.report_blocking(objectives, at, progress)?;
    Ok(Found {
        instance: None,
        report,
        policy: fleet.policy.clone(),
        failures,
        warnings,
    })
}

fn of_a_service(service: &Fleet, policy: &Policy) -> Result<Found, Failure> {
    let text = service.get_blocking("/api/v1/slo")?;
    let report = Report::from_json(&text);
    let report = report.map_err(|error| Failure::Usage(format!("{}: {error}", service.url)))?;
    Ok(Found {
        instance: None,
        report,
        policy: policy.clone(),
        failures: Vec::new(),
        warnings: Vec::new(),
    })
}
