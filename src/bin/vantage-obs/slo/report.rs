//! `vantage-obs slo report`: how the objectives stand.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;
use vantage_obs::config::{Endpoint, Environment, Secret};
use vantage_obs::fleet::Fleet;
use vantage_obs::pages::render_slo;
use vantage_obs::slo::Objectives;
use vantage_obs::slo::report::render_table;
use vantage_obs::units::parse_duration;

use super::Folder;
use crate::output::{Failure, Status};

/// How the objectives stand: of the fleet, from a Prometheus-compatible API, or of one service.
///
/// All figures are of one moment. A query that fails leaves the other figures alone and is named on
/// standard error.
///
/// Exit status: 0 printed; 3 usage, or no figures. With --exit-code also 2 where an objective is
/// critical, 1 where one is at warning, and 3 where neither is but a query failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs slo report --prometheus http://localhost:9090 slo\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format json --exit-code\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format html > slo.html\n  \
    vantage-obs slo report --url http://localhost:8080")]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    origin: Origin,
    /// The environment variable that holds the bearer token [default: no token].
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The authority that signed the server's certificate, in PEM form [default: the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The moment, such as 2026-11-24T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME", conflicts_with = "url")]
    at: Option<Timestamp>,
    /// How often the API takes samples; three without one are stale.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1m")]
    scrape_interval: Duration,
    /// How long all of it may take.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s")]
    deadline: Duration,
    /// How the report is printed [default: table; json with --url, the only one there].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Tells in the exit status what is raised.
    #[arg(long)]
    exit_code: bool,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns for people.
    Table,
    /// JSON for programs.
    Json,
    /// One HTML file with charts, which loads nothing.
    Html,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Origin {
    /// The base of a Prometheus-compatible API: the fleet's figures.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Endpoint>,
    /// The base of a service: its own figures, as its /api/v1/slo answers.
    #[arg(long, value_name = "URL")]
    url: Option<Endpoint>,
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        match (&self.origin.prometheus, &self.origin.url) {
            (Some(url), _) => self.of_the_fleet(url, out, err),
            (None, Some(url)) => self.of_a_service(url, out),
            (None, None) => Err(Failure::Usage("--prometheus or --url is missing".into())),
        }
    }

    fn of_the_fleet(
        &self,
        url: &Endpoint,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Status, Failure> {
        let objectives = match Objectives::load(self.folder.readable()?) {
            Ok(objectives) => objectives,
            Err(error) => return Err(Failure::Usage(error.to_string())),
        };
        let shown = io::stderr().is_terminal();
        let mut progress = |done, total| {
            if shown {
                let end = if done == total { "\r\x1b[K" } else { "" };
                // Nobody waits for it.
                let _ = write!(err, "\rasking: {done} of {total}{end}");
            }
        };
        let at = self.at.unwrap_or_else(Timestamp::now);
        let source = self.fleet(url)?;
        let fleet = source.report_blocking(&objectives, at, &mut progress)?;
        for failure in &fleet.failures {
            writeln!(err, "failed: {failure}")?;
        }
        for warning in &fleet.warnings {
            writeln!(err, "warning: {warning}")?;
        }
        match self.format {
            Some(Format::Json) => writeln!(out, "{}", fleet.report.to_json())?,
            Some(Format::Html) => {
                let page = render_slo(&fleet.report, &source.policy);
                out.write_all(page.as_bytes())?;
            }
            _ => write!(out, "{}", render_table(&fleet.report))?,
        }
        let alerts = fleet.report.objectives.iter();
        let status = self.status(alerts.map(|objective| objective.alert.as_str()));
        let failed = self.exit_code && status == Status::Fine && !fleet.failures.is_empty();
        Ok(if failed { Status::Failed } else { status })
    }

    fn of_a_service(&self, url: &Endpoint, out: &mut dyn Write) -> Result<Status, Failure> {
        if matches!(self.format, Some(Format::Table | Format::Html)) {
            let why =
                "with --url the service's JSON is printed as it is; its page is at /status/slo";
            return Err(Failure::Usage(why.into()));
        }
        let text = self.fleet(url)?.get_blocking("/api/v1/slo")?;
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(objectives) = report["objectives"].as_array() else {
            let why = format!("{url} doesn't answer with a report");
            return Err(Failure::Usage(why));
        };
        writeln!(out, "{}", text.trim_end())?;
        let alerts = objectives.iter();
        Ok(self.status(alerts.map(|objective| objective["alert"].as_str().unwrap_or_default())))
    }

    fn fleet(&self, url: &Endpoint) -> Result<Fleet, Failure> {
        let mut fleet = Fleet::new(url.clone());
        fleet.deadline = self.deadline;
        fleet.scrape_interval = self.scrape_interval;
        fleet.tls.ca.clone_from(&self.ca);
        if let Some(name) = &self.token_env {
            let environment = Environment::process();
            let token = environment.get(name).filter(|token| !token.is_empty());
            let missing = || Failure::Usage(format!("the variable {name} is not set"));
            fleet.token = Some(Secret::new(token.ok_or_else(missing)?));
        }
        Ok(fleet)
    }

    fn status<'a>(&self, alerts: impl Iterator<Item = &'a str>) -> Status {
        let mut status = Status::Fine;
        for alert in alerts.filter(|_| self.exit_code) {
            match alert {
                "critical" => return Status::Critical,
                "warning" => status = Status::Faulty,
                _ => {}
            }
        }
        status
    }
}
