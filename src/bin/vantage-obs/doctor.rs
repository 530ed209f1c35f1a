//! `vantage-obs doctor`: tries what a configuration points to.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;
use vantage_obs::config::Environment;
use vantage_obs::doctor::{Diagnosis, Part, Step, Verdict, examine};

use crate::config::readable;
use crate::output::{Failure, Format, Status};

/// Tries what the configuration points to, and says what to change.
///
/// The file and the environment are read as the service reads them. Then, for each OTLP receiver:
/// its name, TCP, TLS, the protocol that the port really speaks, credentials, the clocks, and one
/// span, one metric and one log record of what is pushed. On this machine: the SLO files, the address
/// of http.listen and the disks. Every failure comes with the setting or variable to change. No
/// header's value is shown. It ends within 15 seconds.
///
/// Exit status: 0 all is well, warnings included; 1 something failed; 3 it couldn't be tried.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs doctor --config obs.json\n  \
    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317 vantage-obs doctor\n  \
    vantage-obs doctor --format json | jq '.parts[].steps[] | select(.verdict == \"fail\")'")]
pub(crate) struct Arguments {
    /// The JSON file [default: the one that VANTAGE_OBS_CONFIG names, if any].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the findings are printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<Status, Failure> {
        if let Some(file) = &self.config {
            readable(file)?;
        }
        let environment = Environment::process();
        let diagnosis = examine(self.config.as_deref(), &environment);
        match self.format {
            Format::Table => {
                let coloured = io::stdout().is_terminal() && environment.get("NO_COLOR").is_none();
                table(&diagnosis, coloured, out)?;
            }
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&diagnosis)?)?,
        }
        Ok(status(&diagnosis))
    }
}

fn status(diagnosis: &Diagnosis) -> Status {
    if diagnosis.failures().next().is_some() {
        Status::Faulty
    } else {
        Status::Fine
    }
}

fn table(diagnosis: &Diagnosis, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    for part in &diagnosis.parts {
        writeln!(out, "{}", part.subject)?;
        rows(part)
            .iter()
            .try_for_each(|row| row.write(coloured, out))?;
        writeln!(out)?;
    }
    let count = |verdict| diagnosis.steps(verdict).count();
    match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => writeln!(out, "all is well"),
        (0, warnings) => writeln!(out, "nothing failed; warnings: {warnings}"),
        (failed, 0) => writeln!(out, "failed: {failed}"),
        (failed, warnings) => writeln!(out, "failed: {failed}; warnings: {warnings}"),
    }
}

/// A step, or several in a row that weren't tried for one reason.
struct Row<'a> {
    names: Vec<&'static str>,
    step: &'a Step,
}

fn rows(part: &Part) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for step in &part.steps {
        let same = |row: &&mut Row<'_>| {
            step.verdict == Verdict::Skipped
                && row.step.verdict == Verdict::Skipped
                && row.step.finding == step.finding
        };
        match rows.last_mut().filter(same) {
            Some(row) => row.names.push(step.name),
            None => rows.push(Row {
                names: vec![step.name],
                step,
            }),
        }
    }
    rows
}

impl Row<'_> {
    fn write(&self, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
        let Step {
            verdict,
            finding,
            fix,
            ..
        } = self.step;
        let word = format!("{:7}", verdict.as_str());
        let word = match colour(*verdict).filter(|_| coloured) {
            Some(code) => format!("\x1b[{code}m{word}\x1b[0m"),
            None => word,
        };
        match self.names.as_slice() {
            [name] => writeln!(out, "  {word}  {name:10}  {finding}")?,
            names => writeln!(out, "  {word}  {}: {finding}", names.join(", "))?,
        }
        match fix {
            Some(fix) => writeln!(out, "           {:10}  fix: {fix}", ""),
            None => Ok(()),
        }
    }
}

const fn colour(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Ok => Some("32"),
        Verdict::Warn => Some("33"),
        Verdict::Fail => Some("1;31"),
        Verdict::Skipped => Some("2"),
        _ => None,
    }
}
