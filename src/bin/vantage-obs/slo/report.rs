//! `vantage-obs slo report`: how the objectives stand.

mod source;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use vantage_obs::pages::render_slo;
use vantage_obs::slo::RollingWindow;
use vantage_obs::slo::report::{AlertState, render_comparison, render_table};

use self::source::{ReportBackend, SourceArgs, SourcedReport};
use crate::output::{CliError, ExitStatus};

/// Reports how the objectives stand: of the fleet, from a Prometheus-compatible API; of one service; or from
/// the store that services write.
///
/// All figures are of one moment. A query that fails leaves the other figures alone and is named on
/// standard error.
///
/// Exit status: 0 printed; 3 usage, or no figures. With --exit-code also 2 where an objective is
/// critical, 1 where one is at warning, and 3 where neither is but a query failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs slo report --config obs.json\n  \
    vantage-obs slo report --prometheus http://localhost:9090 slo\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --since 7d --compare\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format json --exit-code\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format html > slo.html\n  \
    vantage-obs slo report --store file:/var/lib/shop/obs.redb\n  \
    vantage-obs slo report --url http://localhost:8080")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The moment, such as 2026-11-24T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Evaluates each objective over this period, such as 7d, instead of its own window.
    #[arg(long, value_name = "WINDOW")]
    since: Option<RollingWindow>,
    /// Compares the period with the one before it.
    #[arg(long, requires = "since")]
    compare: bool,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: ReportFormat,
    /// Reports the highest alert in the exit status: 2 if an objective is critical, 1 if one is at warning.
    #[arg(long)]
    exit_code: bool,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// Aligned columns for people.
    Table,
    /// JSON for programs.
    Json,
    /// One HTML file with charts, which loads nothing.
    Html,
}

impl ReportArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        if self.compare && self.format == ReportFormat::Html {
            let message = "--compare needs --format table or json: a page shows one period";
            return Err(CliError::Usage(message.into()));
        }
        let source = match self.format {
            ReportFormat::Html => self.source.source()?.with_burn_down(),
            ReportFormat::Table | ReportFormat::Json => self.source.source()?,
        };
        // One moment for all: a period ends where the next one begins.
        let at = match self.compare {
            true => Some(self.at.unwrap_or_else(Timestamp::now)),
            false => self.at,
        };
        let reports = source.reports(at, self.since, err)?;
        if reports.len() > 1 && self.format == ReportFormat::Html {
            let message = "a page shows one instance: name it with --instance";
            return Err(CliError::Usage(message.into()));
        }
        let before = match (at, self.since.filter(|_| self.compare)) {
            (Some(at), Some(period)) => previous_reports(&source, at, period, err)?,
            _ => Vec::new(),
        };
        for report in reports.iter().chain(&before) {
            report.print_problems(err)?;
        }
        self.print(&reports, &before, out)?;
        Ok(self.exit_status(&reports))
    }

    fn print(
        &self,
        all: &[SourcedReport],
        before: &[SourcedReport],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let previous = |report: &SourcedReport| {
            let mut before = before.iter();
            before.find(|before| before.instance == report.instance)
        };
        if let (ReportFormat::Json, [_, _, ..]) = (self.format, all) {
            let reports = all.iter().map(|report| report.to_json(previous(report)));
            let reports = reports.collect::<Vec<_>>().join(",");
            return writeln!(out, "{{\"instances\":[{reports}]}}");
        }
        for (number, report) in all.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            if let (Some(instance), ReportFormat::Table) = (&report.instance, self.format) {
                writeln!(out, "{}", instance.escape_debug())?;
            }
            self.print_one(report, previous(report), out)?;
        }
        Ok(())
    }

    fn print_one(
        &self,
        report: &SourcedReport,
        before: Option<&SourcedReport>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let SourcedReport { report, policy, .. } = report;
        match (self.format, before) {
            (ReportFormat::Table, None) => write!(out, "{}", render_table(report)),
            (ReportFormat::Table, Some(before)) => {
                write!(out, "{}", render_comparison(report, &before.report))
            }
            (ReportFormat::Json, None) => writeln!(out, "{}", report.to_json()),
            (ReportFormat::Json, Some(before)) => {
                writeln!(out, "{}", report.to_comparison_json(&before.report))
            }
            (ReportFormat::Html, _) => out.write_all(render_slo(report, policy).as_bytes()),
        }
    }

    /// Returns the status of the worst report.
    fn exit_status(&self, reports: &[SourcedReport]) -> ExitStatus {
        if !self.exit_code {
            return ExitStatus::Success;
        }
        let raised = |alert| {
            let mut objectives = reports.iter().flat_map(|report| &report.report.objectives);
            objectives.any(|objective| objective.alert == alert)
        };
        if raised(AlertState::Critical) {
            ExitStatus::Critical
        } else if raised(AlertState::Warning) {
            ExitStatus::Faulty
        // Only where nothing is raised: what is known to burn must wake somebody, also where a
        // query failed.
        } else if reports.iter().all(|report| report.failures.is_empty()) {
            ExitStatus::Success
        } else {
            ExitStatus::Failed
        }
    }
}

/// Reads the reports of the period that ends where the one that ends at this moment begins.
fn previous_reports(
    source: &ReportBackend,
    at: Timestamp,
    period: RollingWindow,
    err: &mut dyn Write,
) -> Result<Vec<SourcedReport>, CliError> {
    let end = at.checked_sub(period.duration());
    let end = end.map_err(|error| CliError::Usage(error.to_string()))?;
    source.reports(Some(end), Some(period), err)
}

impl SourcedReport {
    /// Returns the report with the instance's name, to stand beside those of others.
    fn to_json(&self, before: Option<&SourcedReport>) -> String {
        let report = match before {
            Some(before) => self.report.to_comparison_json(&before.report),
            None => self.report.to_json(),
        };
        let instance = serde_json::Value::from(self.instance.as_deref().unwrap_or_default());
        format!("{{\"instance\":{instance},\"report\":{report}}}")
    }

    fn print_problems(&self, err: &mut dyn Write) -> io::Result<()> {
        let failed = self.failures.iter().map(|failure| ("failed", failure));
        let warned = self.warnings.iter().map(|warning| ("warning", warning));
        let mut all = failed.chain(warned);
        all.try_for_each(|(kind, text)| writeln!(err, "{kind}: {text}"))
    }
}
