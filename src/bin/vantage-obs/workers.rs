//! `vantage-obs workers`: the workers that a service or its store knows.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use vantage_obs::config::{Config, Endpoint, Secret};
use vantage_obs::figure::Figures;
use vantage_obs::units::{format_duration, parse_duration};
use vantage_obs::workers::{Forgotten, WorkerSummary, WorkersOfService, WorkersOfStore};

use crate::config::{ensure_readable, load_config, secret_from_env};
use crate::output::{CliError, ExitStatus, OutputFormat, write_json, write_table};
use crate::store_arg::{StoreArg, parse_store_arg};

#[derive(Debug, Subcommand)]
pub(crate) enum WorkersCommand {
    // Their arguments say what they do.
    List(ListArgs),
    Forget(ForgetArgs),
}

impl WorkersCommand {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
        match self {
            Self::List(arguments) => arguments.run(out),
            Self::Forget(arguments) => arguments.run(out),
        }
    }
}

/// Lists workers and schedulers with their states.
///
/// Exit status: 0 listed; 3 usage, or it couldn't be looked at.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs workers list --url http://localhost:8080\n  \
    vantage-obs workers list --store file:obs.redb --format json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

/// Forgets a worker that will not come back: it is no longer missed, listed or exported. A later beat registers
/// it anew.
///
/// Exit status: 0 forgotten; 1 no such worker; 3 usage, a wrong token, or it couldn't be done.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs workers forget pod-7f9c --url http://localhost:8080 --token-env BEAT_TOKEN\n  \
    vantage-obs workers forget pod-7f9c --store file:obs.redb")]
pub(crate) struct ForgetArgs {
    /// The worker's id.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    source: SourceArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

/// The service or store, and its credentials.
#[derive(Debug, Args)]
struct SourceArgs {
    #[command(flatten)]
    origin: OriginArgs,
    /// A service's config file, read with the environment as the service reads it: its heartbeat settings and
    /// store hold [default: the one that VANTAGE_OBS_CONFIG names, if any].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The environment variable that holds the service's heartbeat.token [default: the configuration's].
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "token_file",
        requires = "url"
    )]
    token_env: Option<String>,
    /// The file that holds the service's heartbeat.token [default: the configuration's].
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// The authority that signed the server's certificate, in PEM form [default: the system's].
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// The time limit for a service.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s")]
    deadline: Duration,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct OriginArgs {
    /// The base of a service that receives heartbeats.
    #[arg(long, value_name = "URL")]
    url: Option<Endpoint>,
    /// A store: file:PATH or postgres://USER:PASSWORD@HOST/NAME; without a value the configuration's. A file is
    /// accessed while its service is down.
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "", value_parser = parse_store_arg)]
    store: Option<StoreArg>,
}

/// The source of workers.
enum WorkerSource {
    Service(Box<WorkersOfService>),
    Store(Box<WorkersOfStore>),
}

impl SourceArgs {
    fn source(&self) -> Result<WorkerSource, CliError> {
        let config = load_config(self.config.as_deref(), &Figures::default())?;
        let config = config.as_ref();
        if let Some(store) = &self.origin.store {
            let store = store.config(config)?.clone();
            let heartbeat = config.map(|config| config.heartbeat.clone());
            let workers = WorkersOfStore::new(store, heartbeat.unwrap_or_default());
            return Ok(WorkerSource::Store(Box::new(workers)));
        }
        let url = self.origin.url.clone();
        let url = url.ok_or_else(|| CliError::Usage("--url or --store is missing".into()))?;
        let mut service = WorkersOfService::new(url);
        service.token = self.token(config)?;
        service.tls.ca.clone_from(&self.ca);
        service.deadline = self.deadline;
        Ok(WorkerSource::Service(Box::new(service)))
    }

    fn token(&self, config: Option<&Config>) -> Result<Option<Secret>, CliError> {
        if let Some(name) = &self.token_env {
            return secret_from_env(name).map(Some);
        }
        let Some(file) = &self.token_file else {
            return Ok(config.and_then(|config| config.heartbeat.token.clone()));
        };
        ensure_readable(file)?;
        let text = vantage_obs::generate::read_file(file)
            .map_err(|cause| CliError::unreadable(file, cause))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(CliError::Usage(format!("{} is empty", file.display()))),
            token => Ok(Some(Secret::new(token))),
        }
    }
}

impl ListArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
        let workers = match self.source.source()? {
            WorkerSource::Service(service) => service.list_blocking()?,
            WorkerSource::Store(store) => store.list_blocking(Timestamp::now())?,
        };
        match self.format {
            OutputFormat::Json => write_json(out, &workers)?,
            OutputFormat::Table if workers.is_empty() => writeln!(out, "no workers")?,
            OutputFormat::Table => print_table(&workers, out)?,
        }
        Ok(ExitStatus::Success)
    }
}

impl ForgetArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
        let forgotten = match self.source.source()? {
            WorkerSource::Service(service) => service.forget_blocking(&self.id)?,
            WorkerSource::Store(store) => store.forget_blocking(&self.id, Timestamp::now())?,
        };
        let is_forgotten = forgotten == Forgotten::Yes;
        match self.format {
            OutputFormat::Json => {
                write_json(
                    out,
                    &json!({"worker_id": self.id, "forgotten": is_forgotten}),
                )?;
            }
            OutputFormat::Table if is_forgotten => writeln!(out, "{} is forgotten", self.id)?,
            OutputFormat::Table => writeln!(out, "no such worker: {}", self.id)?,
        }
        Ok(match is_forgotten {
            true => ExitStatus::Success,
            false => ExitStatus::Faulty,
        })
    }
}

fn print_table(workers: &[WorkerSummary], out: &mut dyn Write) -> std::io::Result<()> {
    let rows: Vec<_> = workers.iter().map(worker_row).collect();
    let headings = [
        "ID",
        "ROLE",
        "STATE",
        "LAST SEEN",
        "AGE",
        "RUNNING",
        "DONE",
        "FAILED",
        "WAITING",
    ];
    write_table(out, headings, &rows)
}

fn worker_row(worker: &WorkerSummary) -> [String; 9] {
    let none = || "-".to_owned();
    // Whole seconds are enough for people.
    let age = |millis: u64| format_duration(Duration::from_secs(millis / 1_000));
    [
        worker.worker_id.clone(),
        worker.role.clone(),
        worker.state.clone(),
        worker.last_seen.clone().unwrap_or_else(none),
        worker.age_ms.map_or_else(none, age),
        worker.in_flight.to_string(),
        worker.processed_total.to_string(),
        worker.failed_total.to_string(),
        worker
            .queue_depth
            .map_or_else(none, |depth| depth.to_string()),
    ]
}

#[cfg(test)]
mod tests;
