//! The sources of a report.
//!
//! | source | whose figures | needs |
//! |---|---|---|
//! | `--prometheus` | the fleet's | the objectives' files |
//! | `--url` | one service's | nothing: it reports itself |
//! | `--store` | each instance's, or one's | the files, and the store's address |

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use vantage_obs::config::{self, Config, Endpoint, Secret};
use vantage_obs::figure::Figures;
use vantage_obs::fleet::{FleetReport, PrometheusReporter};
use vantage_obs::slo::policy::BurnRatePolicy;
use vantage_obs::slo::report::SloReport;
use vantage_obs::slo::{Objectives, RollingWindow};
use vantage_obs::stored::{StoredObjectives, StoredObjectivesError};
use vantage_obs::units::parse_duration;

use crate::config::{FigureArgs, load_config, parse_header, secret_from_env};
use crate::output::{CliError, ensure_readable_folder};
use crate::store_arg::{StoreArg, parse_store_arg};

/// The source of the report, and its credentials.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// The folder with the objectives' JSON files [default: the configuration's, or else slo].
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A service's config file, read with the environment as the service reads it: its objectives,
    /// alert policy and slo.prometheus hold [default: the one that VANTAGE_OBS_CONFIG names, or variables
    /// alone].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    origin: OriginArgs,
    /// The environment variable that holds the bearer token [default: the configuration's token, for
    /// the configuration's URL only].
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// A header that is sent along, such as "X-Scope-OrgID: shop"; may be repeated [default: the
    /// configuration's headers, for the configuration's URL only].
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, Secret)>,
    /// The authority that signed the server's certificate, in PEM form [default: the configuration's
    /// for its URL, or else the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The sampling interval of the API; three without a sample are stale [default: the configuration's
    /// metrics.prometheus.scrape_interval, or else 1m].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    scrape_interval: Option<Duration>,
    /// The instance in the store: its service.instance_id, or the service's name where it has none
    /// [default: each of them].
    #[arg(long, value_name = "NAME", requires = "store")]
    instance: Option<String>,
    #[command(flatten)]
    figures: FigureArgs,
    /// The time limit of the whole request.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s")]
    deadline: Duration,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct OriginArgs {
    /// The base of a Prometheus-compatible API: the fleet's figures [default: slo.prometheus.url].
    #[arg(long, value_name = "URL")]
    prometheus: Option<Endpoint>,
    /// The base of a service: its own figures, as its /api/v1/slo answers.
    #[arg(long, value_name = "URL")]
    url: Option<Endpoint>,
    /// A store that services write: file:PATH or postgres://USER:PASSWORD@HOST/NAME; without a value, the
    /// configured store. A file can only be read while its service is stopped. Nothing in it is changed.
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "", value_parser = parse_store_arg)]
    store: Option<StoreArg>,
}

/// The source of reports.
pub(super) enum ReportBackend {
    /// A Prometheus-compatible API, about these objectives.
    Fleet(PrometheusReporter, Objectives),
    /// A service, which has a report of its own.
    Service(PrometheusReporter, BurnRatePolicy),
    /// A store, about an instance or all, and how they judge.
    Store {
        store: Box<config::StoreConfig>,
        instance: Option<String>,
        objectives: Objectives,
        slo: Box<config::SloConfig>,
    },
}

/// A report, with the failures and warnings of its source.
pub(super) struct SourcedReport {
    /// The instance, for a report from a store.
    pub(super) instance: Option<String>,
    pub(super) report: SloReport,
    /// The policy by which its alerts are raised.
    pub(super) policy: BurnRatePolicy,
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl SourceArgs {
    pub(super) fn source(&self) -> Result<ReportBackend, CliError> {
        self.figures.ensure_readable()?;
        let declared = self.figures.read();
        let declared = declared.map_err(|error| CliError::Usage(error.to_string()))?;
        let config = load_config(self.config.as_deref(), &declared)?;
        // Objectives may name them also where there is no configuration.
        let figures = config.as_ref().map_or(&declared, |config| &config.figures);
        let config = config.as_ref();
        if let Some(url) = &self.origin.url {
            let policy = config.map(|config| config.slo.alert_policy());
            return Ok(ReportBackend::Service(
                self.reporter(url, config)?,
                policy.unwrap_or_default(),
            ));
        }
        if let Some(store) = &self.origin.store {
            return self.store_source(store, config, figures);
        }
        let configured = || config?.slo.prometheus.url.as_ref();
        let Some(url) = self.origin.prometheus.as_ref().or_else(configured) else {
            let message = "--prometheus, --url or --store is missing, and no configuration names slo.prometheus.url";
            return Err(CliError::Usage(message.into()));
        };
        let reporter = self.reporter(url, config)?;
        Ok(ReportBackend::Fleet(
            reporter,
            self.load_objectives(config, figures)?,
        ))
    }

    fn store_source(
        &self,
        store: &StoreArg,
        config: Option<&Config>,
        figures: &Figures,
    ) -> Result<ReportBackend, CliError> {
        let store = store.config(config)?;
        let slo = config.map(|config| config.slo.clone()).unwrap_or_default();
        Ok(ReportBackend::Store {
            store: Box::new(store.clone()),
            instance: self.instance.clone(),
            objectives: self.load_objectives(config, figures)?,
            slo: Box::new(slo),
        })
    }

    fn load_objectives(
        &self,
        config: Option<&Config>,
        figures: &Figures,
    ) -> Result<Objectives, CliError> {
        let configured = || Some(config?.slo.directory.clone());
        let folder = self.folder.clone().or_else(configured);
        let folder = folder.unwrap_or_else(|| "slo".into());
        ensure_readable_folder(&folder)?;
        Objectives::load_with(&folder, figures).map_err(|error| CliError::Usage(error.to_string()))
    }

    /// Creates the reporter of this base URL, with its settings in the configuration.
    fn reporter(
        &self,
        url: &Endpoint,
        config: Option<&Config>,
    ) -> Result<PrometheusReporter, CliError> {
        let mut reporter = match config {
            Some(config) => PrometheusReporter::with_config(url.clone(), config),
            None => PrometheusReporter::new(url.clone()),
        };
        // Credentials of one server are no other's business.
        if config.and_then(|config| config.slo.prometheus.url.as_ref()) != Some(url) {
            (reporter.token, reporter.tls.ca) = (None, None);
            reporter.headers.clear();
        }
        reporter.headers.extend(self.headers.iter().cloned());
        reporter.deadline = self.deadline;
        if let Some(interval) = self.scrape_interval {
            reporter.scrape_interval = interval;
        }
        if self.ca.is_some() {
            reporter.tls.ca.clone_from(&self.ca);
        }
        if let Some(name) = &self.token_env {
            reporter.token = Some(secret_from_env(name)?);
        }
        Ok(reporter)
    }
}

impl ReportBackend {
    /// Reads the reports of a moment; each objective over a window that is not its own, if one is given.
    pub(super) fn reports(
        &self,
        at: Option<Timestamp>,
        over: Option<RollingWindow>,
        err: &mut dyn Write,
    ) -> Result<Vec<SourcedReport>, CliError> {
        let since = over.is_some();
        let over = |objectives: &Objectives| match over {
            Some(window) => objectives.with_window(window),
            None => objectives.clone(),
        };
        let moment = || at.unwrap_or_else(Timestamp::now);
        let report = match self {
            ReportBackend::Fleet(reporter, objectives) => {
                fleet_report(reporter, &over(objectives), moment(), err)?
            }
            ReportBackend::Store {
                store,
                instance,
                objectives,
                slo,
            } => {
                let objectives = over(objectives);
                return stored_reports(store, instance.as_deref(), &objectives, slo, moment());
            }
            ReportBackend::Service(service, policy) => {
                if at.is_some() || since {
                    let message = "--at, --since and --compare cannot be used with --url: a service only reports the present";
                    return Err(CliError::Usage(message.into()));
                }
                service_report(service, policy)?
            }
        };
        Ok(vec![report])
    }
}

impl ReportBackend {
    /// Requests burn-downs, where they take queries of their own.
    pub(super) fn with_burn_down(mut self) -> Self {
        if let ReportBackend::Fleet(reporter, _) = &mut self {
            reporter.burn_down = true;
        }
        self
    }
}

/// Reads the reports of one instance or of all; a store without any is an error, because an empty
/// page would look like success.
fn stored_reports(
    store: &config::StoreConfig,
    instance: Option<&str>,
    objectives: &Objectives,
    slo: &config::SloConfig,
    at: Timestamp,
) -> Result<Vec<SourcedReport>, CliError> {
    let usage_error = |error: StoredObjectivesError| CliError::Usage(error.to_string());
    let stored =
        StoredObjectives::load_blocking(store, instance, Timestamp::MIN).map_err(usage_error)?;
    let reports = stored.reports(objectives, slo, at);
    if reports.is_empty() {
        let message = match instance {
            Some(name) => format!("the store has no slices of an instance {name:?}"),
            None => "the store has no slices of any instance".into(),
        };
        return Err(CliError::Usage(message));
    }
    let reports = reports.into_iter().map(|(instance, report)| SourcedReport {
        instance: Some(instance),
        report,
        policy: slo.alert_policy(),
        failures: Vec::new(),
        warnings: Vec::new(),
    });
    Ok(reports.collect())
}

/// Asks for the fleet's report; on a terminal, one line shows how far it is.
fn fleet_report(
    reporter: &PrometheusReporter,
    objectives: &Objectives,
    at: Timestamp,
    err: &mut dyn Write,
) -> Result<SourcedReport, CliError> {
    let is_terminal = io::stderr().is_terminal();
    let progress = |done, total| {
        // Not into a file or a pipe, where carriage returns are rubbish.
        if is_terminal {
            let end = if done == total { "\r\x1b[K" } else { "" };
            // Nobody waits for it.
            let _ = write!(err, "\rquerying: {done} of {total}{end}");
        }
    };
    let FleetReport {
        report,
        failures,
        warnings,
        ..
    } = reporter.report_blocking(objectives, at, progress)?;
    Ok(SourcedReport {
        instance: None,
        report,
        policy: reporter.policy.clone(),
        failures,
        warnings,
    })
}

fn service_report(
    service: &PrometheusReporter,
    policy: &BurnRatePolicy,
) -> Result<SourcedReport, CliError> {
    let text = service.get_blocking("/api/v1/slo")?;
    let report = SloReport::from_json(&text);
    // Whoever gave the URL is at fault: something else answers there.
    let report = report.map_err(|error| CliError::Usage(format!("{}: {error}", service.url)))?;
    Ok(SourcedReport {
        instance: None,
        report,
        policy: policy.clone(),
        failures: Vec::new(),
        warnings: Vec::new(),
    })
}
