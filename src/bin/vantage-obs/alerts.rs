//! `vantage-obs alerts`: what has been raised.
//!
//! Alerts that ended leave nothing in Alertmanager; Prometheus keeps its `ALERTS` as long as any
//! series.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{Timestamp, Unit};
use vantage_obs::config::{Endpoint, Secret};
use vantage_obs::fleet::{AlertEpisode, AlertHistory, PrometheusReporter};
use vantage_obs::units::{format_duration, parse_duration};

use crate::config::{parse_header, secret_from_env};
use crate::output::{CliError, ExitStatus, OutputFormat, write_json, write_table};

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    // Its arguments say what it does.
    History(AlertHistoryArgs),
}

impl AlertsCommand {
    pub(crate) fn run(
        self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        match self {
            Self::History(arguments) => arguments.run(out, err),
        }
    }
}

/// Shows which alerts fired, when, and for how long, from the samples that Prometheus keeps of `ALERTS`.
///
/// Start times are exact; an end is the last sample at which the alert fired, up to one evaluation of the
/// rules before it stopped. The watchdog is left out.
///
/// Exit status: 0 printed; 3 usage error, or a query failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs alerts history --prometheus http://localhost:9090\n  \
    vantage-obs alerts history --prometheus http://localhost:9090 --since 7d --format json")]
pub(crate) struct AlertHistoryArgs {
    /// The base of a Prometheus-compatible API.
    #[arg(long, value_name = "URL")]
    prometheus: Endpoint,
    /// The range to look back over.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "24h")]
    since: Duration,
    /// The end of the range, such as 2026-11-24T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The environment variable that holds the bearer token [default: no token].
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// A header that is sent along, such as "X-Scope-OrgID: shop"; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, Secret)>,
    /// The authority that signed the server's certificate, in PEM form [default: the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The time limit of the whole request.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s")]
    deadline: Duration,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

impl AlertHistoryArgs {
    fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitStatus, CliError> {
        let to = self.at.unwrap_or_else(Timestamp::now);
        let history = self.fleet()?.alert_history_blocking(to, self.since)?;
        for warning in &history.warnings {
            writeln!(err, "warning: {warning}")?;
        }
        match self.format {
            OutputFormat::Json => write_json(out, &history)?,
            OutputFormat::Table => print_table(&history, out)?,
        }
        Ok(ExitStatus::Success)
    }

    fn fleet(&self) -> Result<PrometheusReporter, CliError> {
        let mut fleet = PrometheusReporter::new(self.prometheus.clone());
        fleet.deadline = self.deadline;
        fleet.headers.extend(self.headers.iter().cloned());
        fleet.tls.ca.clone_from(&self.ca);
        if let Some(name) = &self.token_env {
            fleet.token = Some(secret_from_env(name)?);
        }
        Ok(fleet)
    }
}

fn print_table(history: &AlertHistory, out: &mut dyn Write) -> std::io::Result<()> {
    let (from, to) = (round_to_second(history.from), round_to_second(history.to));
    if history.alerts.is_empty() {
        return writeln!(out, "no alert fired from {from} to {to}");
    }
    let rows: Vec<_> = history.alerts.iter().map(episode_row).collect();
    write_table(
        out,
        ["FIRED AT", "FOR", "SEVERITY", "ALERT", "LABELS"],
        &rows,
    )?;
    let still_firing = history
        .alerts
        .iter()
        .filter(|episode| episode.ended_at.is_none());
    writeln!(
        out,
        "\n{} from {from} to {to}, {} still firing",
        rows.len(),
        still_firing.count()
    )
}

fn episode_row(episode: &AlertEpisode) -> [String; 5] {
    let duration_text = Duration::from_secs(episode.seconds.unsigned_abs());
    let mut duration_text = format_duration(duration_text);
    if episode.ended_at.is_none() {
        duration_text.push_str(", still firing");
    }
    // Its begin lies before the range and is not known.
    let before = if episode.since_before { "before " } else { "" };
    let labels = episode.labels.iter();
    let labels: Vec<_> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    [
        format!("{before}{}", round_to_second(episode.fired_at)),
        duration_text,
        episode.severity.clone(),
        episode.alert.clone(),
        labels.join(" "),
    ]
}

fn round_to_second(at: Timestamp) -> Timestamp {
    at.round(Unit::Second).unwrap_or(at)
}
