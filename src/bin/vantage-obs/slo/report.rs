//! `vantage-obs slo report`: how the objectives stand.

mod source;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use vantage_obs::pages::render_slo;
use vantage_obs::slo::Rolling;
use vantage_obs::slo::report::{Alert, render_comparison, render_table};

use self::source::{Found, Source, Sources};
use crate::output::{Failure, Status};

/// How the objectives stand: of the fleet, from a Prometheus-compatible API, of one service, or of what
/// services have kept in a store.
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
        let source = match self.format {
            Format::Html => self.source.source()?.with_courses(),
            Format::Table | Format::Json => self.source.source()?,
        };
        // One moment for all: a period ends where the next one begins.
        let at = match self.compare {
            true => Some(self.at.unwrap_or_else(Timestamp::now)),
            false => self.at,
        };
        let found = source.report(at, self.since, err)?;
        if found.len() > 1 && self.format == Format::Html {
            let why = "a page shows one instance: name it with --instance";
            return Err(Failure::Usage(why.into()));
        }
        let before = match (at, self.since.filter(|_| self.compare)) {
            (Some(at), Some(period)) => before(&source, at, period, err)?,
            _ => Vec::new(),
        };
        for found in found.iter().chain(&before) {
            found.tell(err)?;
        }
        self.print(&found, &before, out)?;
        Ok(self.status(&found))
    }

    fn print(&self, all: &[Found], before: &[Found], out: &mut dyn Write) -> io::Result<()> {
        let of = |found: &Found| {
            let mut before = before.iter();
            before.find(|before| before.instance == found.instance)
        };
        if let (Format::Json, [_, _, ..]) = (self.format, all) {
            let reports = all.iter().map(|found| found.json(of(found)));
            let reports = reports.collect::<Vec<_>>().join(",");
            return writeln!(out, "{{\"instances\":[{reports}]}}");
        }
        for (number, found) in all.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            if let (Some(instance), Format::Table) = (&found.instance, self.format) {
                writeln!(out, "{}", instance.escape_debug())?;
            }
            self.print_one(found, of(found), out)?;
        }
        Ok(())
    }

    fn print_one(
        &self,
        found: &Found,
        before: Option<&Found>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
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

    fn status(&self, found: &[Found]) -> Status {
        if !self.exit_code {
            return Status::Fine;
        }
        let raised = |alert| {
            let mut objectives = found.iter().flat_map(|found| &found.report.objectives);
            objectives.any(|objective| objective.alert == alert)
        };
        if raised(Alert::Critical) {
            Status::Critical
        } else if raised(Alert::Warning) {
            Status::Faulty
        } else if found.iter().all(|found| found.failures.is_empty()) {
            Status::Fine
        } else {
            Status::Failed
        }
    }
}

/// The period that ends where the one that ends at this moment begins.
fn before(
    source: &Source,
    at: Timestamp,
    period: Rolling,
    err: &mut dyn Write,
) -> Result<Vec<Found>, Failure> {
    let end = at.checked_sub(period.duration());
    let end = end.map_err(|error| Failure::Usage(error.to_string()))?;
    source.report(Some(end), Some(period), err)
}

impl Found {
    /// With the instance's name, beside those of others.
    fn json(&self, before: Option<&Found>) -> String {
        let report = match before {
            Some(before) => self.report.compared_json(&before.report),
            None => self.report.to_json(),
        };
        let instance = serde_json::Value::from(self.instance.as_deref().unwrap_or_default());
        format!("{{\"instance\":{instance},\"report\":{report}}}")
    }

    fn tell(&self, err: &mut dyn Write) -> io::Result<()> {
        let failed = self.failures.iter().map(|failure| ("failed", failure));
        let warned = self.warnings.iter().map(|warning| ("warning", warning));
        let mut all = failed.chain(warned);
        all.try_for_each(|(kind, text)| writeln!(err, "{kind}: {text}"))
    }
}
