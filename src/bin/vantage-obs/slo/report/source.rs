//! Where the figures of a report come from.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use vantage_obs::config::{Config, Endpoint, Environment, Secret};
use vantage_obs::fleet::{Fleet, FleetReport};
use vantage_obs::slo::policy::Policy;
use vantage_obs::slo::report::Report;
use vantage_obs::slo::{Objectives, Rolling};
use vantage_obs::units::parse_duration;

use crate::config::readable;
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
}

/// Whom to ask.
pub(super) enum Source {
    /// A Prometheus-compatible API, about these objectives.
    Fleet(Fleet, Objectives),
    /// A service, which has a report of its own.
    Service(Fleet, Policy),
}

/// A report, and what it lacks.
pub(super) struct Found {
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
        let configured = || settings?.slo.prometheus.url.as_ref();
        let Some(url) = self.origin.prometheus.as_ref().or_else(configured) else {
            let why =
                "--prometheus or --url is missing, and no configuration names slo.prometheus.url";
            return Err(Failure::Usage(why.into()));
        };
        let fleet = self.client(url, settings)?;
        Ok(Source::Fleet(fleet, self.objectives(settings)?))
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
            let environment = Environment::process();
            let token = environment.get(name).filter(|token| !token.is_empty());
            let missing = || Failure::Usage(format!("the variable {name} is not set"));
            fleet.token = Some(Secret::new(token.ok_or_else(missing)?));
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
    ) -> Result<Found, Failure> {
        match self {
            Source::Fleet(fleet, objectives) => {
                let over = over.map(|window| objectives.over(window));
                let objectives = over.as_ref().unwrap_or(objectives);
                of_the_fleet(fleet, objectives, at.unwrap_or_else(Timestamp::now), err)
            }
            Source::Service(service, policy) => {
                if at.is_some() || over.is_some() {
                    let why = "--at, --since and --compare are not for --url: a service tells of now only";
                    return Err(Failure::Usage(why.into()));
                }
                of_a_service(service, policy)
            }
        }
    }
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
        report,
        policy: policy.clone(),
        failures: Vec::new(),
        warnings: Vec::new(),
    })
}
