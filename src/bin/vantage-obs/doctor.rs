//! `vantage-obs doctor`: tries what a configuration points to.
//!
//! Only arguments and output; the diagnosis itself is a function of the library, which a service
//! may call too.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use vantage_obs::config::Environment;
use vantage_obs::doctor::{
    Diagnosis, DiagnosisPart, DiagnosisStep, StepVerdict, diagnose_without_code,
};

use crate::config::{CodeArgs, FigureArgs, ensure_readable};
use crate::output::{CliError, ExitStatus, OutputFormat, is_colored, write_json};

/// Tests everything that the configuration points to, and says what to change.
///
/// The file and the environment are read as the service reads them. Then, all at once:
///
/// - each OTLP receiver: name, TCP, the proxy that the environment names, TLS, the protocol that the port really
///   speaks, credentials, compression, the clocks, and one span, one metric and one log record of what is pushed
/// - the store: of a file its folder, disk, lock and format; of PostgreSQL its hosts, encryption, password,
///   database, schema and rights
/// - Prometheus (slo.prometheus.url): name to TLS, credentials, its API, whether it knows this service, and
///   whether it keeps samples for as long as the objectives look back
/// - the receiver of heartbeats (heartbeat.endpoint): name to TLS, the token, and whether it takes heartbeats
/// - on this machine: the SLO files, the address of http.listen, and the disks
///
/// But for the test signals nothing is written anywhere: a heartbeat is tried with an empty one, which is
/// refused and registers no worker. Every failure comes with the setting or variable to change. No password, token
/// or header's value is shown. It ends within 15 seconds. Health checks that a service adds in its code are not
/// known here: its /api/v1/health/detailed shows them.
///
/// Exit status: 0 nothing failed, warnings included; 1 something failed; 3 the test could not be run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs doctor --config obs.json\n  \
    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317 vantage-obs doctor\n  \
    vantage-obs doctor --format json | jq '.parts[].steps[] | select(.verdict == \"fail\")'")]
pub(crate) struct DoctorArgs {
    /// The JSON file [default: the one that VANTAGE_OBS_CONFIG names, if any].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    code: CodeArgs,
    #[command(flatten)]
    figures: FigureArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

impl DoctorArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        self.figures.ensure_readable()?;
        if let Some(file) = &self.config {
            ensure_readable(file)?;
        }
        let environment = Environment::from_process();
        let mut known = self.code.config(self.config.as_deref());
        match self.figures.read() {
            Ok(declared) => known.figures = declared,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        }
        let diagnosis = diagnose_without_code(known, &environment);
        match self.format {
            OutputFormat::Table => {
                print_table(&diagnosis, is_colored(&environment), out)?;
            }
            OutputFormat::Json => write_json(out, &diagnosis)?,
        }
        Ok(exit_status(&diagnosis))
    }
}

fn exit_status(diagnosis: &Diagnosis) -> ExitStatus {
    if diagnosis.failures().next().is_some() {
        ExitStatus::Faulty
    } else {
        ExitStatus::Success
    }
}

fn print_table(diagnosis: &Diagnosis, colored: bool, out: &mut dyn Write) -> io::Result<()> {
    for part in &diagnosis.parts {
        writeln!(out, "{}", part.subject)?;
        rows(part)
            .iter()
            .try_for_each(|row| row.write(colored, out))?;
        writeln!(out)?;
    }
    let count = |verdict| diagnosis.steps(verdict).count();
    match (count(StepVerdict::Fail), count(StepVerdict::Warn)) {
        (0, 0) => writeln!(out, "all is well"),
        (0, warnings) => writeln!(out, "nothing failed; warnings: {warnings}"),
        (failed, 0) => writeln!(out, "failed: {failed}"),
        (failed, warnings) => writeln!(out, "failed: {failed}; warnings: {warnings}"),
    }
}

/// A row of the table: a step, or several that weren't tried for one reason.
struct StepRow<'a> {
    names: Vec<&'static str>,
    step: &'a DiagnosisStep,
}

fn rows(part: &DiagnosisPart) -> Vec<StepRow<'_>> {
    let mut rows: Vec<StepRow<'_>> = Vec::new();
    for step in &part.steps {
        let is_same_reason = |row: &&mut StepRow<'_>| {
            step.verdict == StepVerdict::Skipped
                && row.step.verdict == StepVerdict::Skipped
                && row.step.finding == step.finding
        };
        match rows.last_mut().filter(is_same_reason) {
            Some(row) => row.names.push(step.name),
            None => rows.push(StepRow {
                names: vec![step.name],
                step,
            }),
        }
    }
    rows
}

impl StepRow<'_> {
    fn write(&self, colored: bool, out: &mut dyn Write) -> io::Result<()> {
        let DiagnosisStep {
            verdict,
            finding,
            fix,
            ..
        } = self.step;
        // Padded before it is coloured: escape sequences have no width on a terminal, and would
        // count here.
        let label = format!("{:7}", verdict.as_str());
        let label = match color_code(*verdict).filter(|_| colored) {
            Some(code) => format!("\x1b[{code}m{label}\x1b[0m"),
            None => label,
        };
        match self.names.as_slice() {
            [name] => writeln!(out, "  {label}  {name:10}  {finding}")?,
            names => writeln!(out, "  {label}  {}: {finding}", names.join(", "))?,
        }
        match fix {
            Some(fix) => writeln!(out, "           {:10}  fix: {fix}", ""),
            None => Ok(()),
        }
    }
}

const fn color_code(verdict: StepVerdict) -> Option<&'static str> {
    match verdict {
        StepVerdict::Ok => Some("32"),
        StepVerdict::Warn => Some("33"),
        StepVerdict::Fail => Some("1;31"),
        StepVerdict::Skipped => Some("2"),
        _ => None,
    }
}
