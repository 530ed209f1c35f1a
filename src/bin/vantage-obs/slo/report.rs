//! `vantage-obs slo report`: how the objectives stand.

mod source;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use vantage_obs::pages::render_slo;
use vantage_obs::slo::Rolling;
use vantage_obs::slo::report::{Alert, Report, render_comparison, render_table};

use self::source::{Found, Source, Sources};
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
    vantage-obs slo report --config obs.json\n  \
    vantage-obs slo report --prometheus http://localhost:9090 slo\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --since 7d --compare\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format json --exit-code\n  \
    vantage-obs slo report --prometheus http://localhost:9090 --format html > slo.html\n  \
    vantage-obs slo report --url http://localhost:8080")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Sources,
    /// The moment, such as 2026-11-24T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Judges each objective over this long, such as 7d, and not over its own window.
    #[arg(long, value_name = "WINDOW")]
    since: Option<Rolling>,
    /// Sets the period beside the one before it.
    #[arg(long, requires = "since")]
    compare: bool,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
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

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        if self.compare && self.format == Format::Html {
            let why = "--compare is printed as table or json: a page shows one period";
            return Err(Failure::Usage(why.into()));
        }
        let source = self.source.source()?;
        let found = source.report(self.at, self.since, err)?;
        let before = match self.since.filter(|_| self.compare) {
            Some(period) => Some(self.before(&source, &found.report, period, err)?),
            None => None,
        };
        for found in [Some(&found), before.as_ref()].into_iter().flatten() {
            found.tell(err)?;
        }
        self.print(&found, before.as_ref(), out)?;
        Ok(self.status(&found))
    }

    /// The period that ends where the one of this report begins.
    fn before(
        &self,
        source: &Source,
        report: &Report,
        period: Rolling,
        err: &mut dyn Write,
    ) -> Result<Found, Failure> {
        let end = report.generated_at.checked_sub(period.duration());
        let end = end.map_err(|error| Failure::Usage(error.to_string()))?;
        source.report(Some(end), Some(period), err)
    }

    fn print(&self, found: &Found, before: Option<&Found>, out: &mut dyn Write) -> io::Result<()> {
        let Found { report, policy, .. } = found;
        match (self.format, before) {
            (Format::Table, None) => write!(out, "{}", render_table(report)),
            (Format::Table, Some(before)) => {
                write!(out, "{}", render_comparison(report, &before.report))
            }
            (Format::Json, None) => writeln!(out, "{}", report.to_json()),
            (Format::Json, Some(before)) => {
                writeln!(out, "{}", report.compared_json(&before.report))
            }
            (Format::Html, _) => out.write_all(render_slo(report, policy).as_bytes()),
        }
    }

    fn status(&self, found: &Found) -> Status {
        if !self.exit_code {
            return Status::Fine;
        }
        let raised = |alert| {
            let mut objectives = found.report.objectives.iter();
            objectives.any(|objective| objective.alert == alert)
        };
        if raised(Alert::Critical) {
            Status::Critical
        } else if raised(Alert::Warning) {
            Status::Faulty
        } else if found.failures.is_empty() {
            Status::Fine
        } else {
            Status::Failed
        }
    }
}

impl Found {
    fn tell(&self, err: &mut dyn Write) -> io::Result<()> {
        let failed = self.failures.iter().map(|failure| ("failed", failure));
        let warned = self.warnings.iter().map(|warning| ("warning", warning));
        let mut all = failed.chain(warned);
        all.try_for_each(|(kind, text)| writeln!(err, "{kind}: {text}"))
    }
}
