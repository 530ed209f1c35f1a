//! `vantage-obs slo validate`: every fault of every file.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use vantage_obs::Config;
use vantage_obs::config::Environment;
use vantage_obs::figure::Figures;
use vantage_obs::slo::policy::BurnRatePolicy;
use vantage_obs::slo::{Objectives, SloFault, SloWarning};

use super::ObjectivesFolder;
use crate::config::{CodeArgs, FigureArgs, ensure_readable};
use crate::output::{CliError, ExitStatus, OutputFormat, is_colored, write_json};

/// Checks the files of objectives, and lists the faults: file, JSON path, value, and what is allowed. The table has
/// the first 20 faults and warnings each, JSON has all.
///
/// Legal but suspicious declarations are warnings: a target of 0.999, a description with another number, an
/// alert that can never fire because even a total outage burns the budget no faster.
///
/// Exit status: 0 all objectives can be tracked, warnings included; 1 there are faults, of the files or of
/// the configuration; 3 the folder or the configuration can't be read.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    folder: ObjectivesFolder,
    /// A service's config file: its alert policy is used instead of the default one, and objectives may name its
    /// figures.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    figures: FigureArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

/// The findings about a folder.
struct ValidationFindings {
    objectives: usize,
    faults: Vec<SloFault>,
    warnings: Vec<SloWarning>,
}

impl ValidateArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        self.figures.ensure_readable()?;
        if let Some(file) = &self.config {
            ensure_readable(file)?;
        }
        let (policy, figures) = match self.settings() {
            Ok(settings) => settings,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        let loaded = Objectives::load_with(self.folder.readable()?, &figures);
        let findings = ValidationFindings::from_load(loaded, &policy);
        match self.format {
            OutputFormat::Table => {
                findings.print(is_colored(&Environment::from_process()), out)?;
            }
            OutputFormat::Json => write_json(out, &findings.to_json())?,
        }
        Ok(match findings.faults.is_empty() {
            true => ExitStatus::Success,
            false => ExitStatus::Faulty,
        })
    }

    /// Returns the alert policy, and the figures that objectives may name.
    fn settings(&self) -> Result<(BurnRatePolicy, Figures), vantage_obs::config::ConfigError> {
        let declared = self.figures.read()?;
        let Some(file) = &self.config else {
            let (config, _) = Config::without_code(declared, None)?;
            return Ok((BurnRatePolicy::platform(), config.figures));
        };
        let mut config = CodeArgs::default().config(Some(file));
        config.figures = declared;
        let effective = config.resolve_without_code(&Environment::from_process())?;
        let config = effective.config;
        Ok((config.slo.alert_policy(), config.figures))
    }
}

impl ValidationFindings {
    fn from_load(
        loaded: Result<Objectives, vantage_obs::slo::SloError>,
        policy: &BurnRatePolicy,
    ) -> Self {
        match loaded {
            Ok(objectives) => Self {
                objectives: objectives.len(),
                faults: Vec::new(),
                warnings: warnings(&objectives, policy),
            },
            Err(error) => Self {
                objectives: 0,
                faults: error.faults().to_vec(),
                warnings: warnings(error.valid_objectives(), policy),
            },
        }
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "valid": self.faults.is_empty(),
            "objectives": self.objectives,
            "faults": self.faults,
            "warnings": self.warnings,
        })
    }

    fn print(&self, colored: bool, out: &mut dyn Write) -> io::Result<()> {
        let label = |label: &str, code: &str| match colored {
            true => format!("\x1b[{code}m{label}\x1b[0m"),
            false => label.to_owned(),
        };
        let fault = label("fault:", "1;31");
        print_listed(&fault, &self.faults, out)?;
        print_listed(&label("warning:", "33"), &self.warnings, out)?;
        match (self.faults.len(), self.warnings.len()) {
            (0, 0) => writeln!(out, "objectives: {}; all is well", self.objectives),
            (0, warnings) => {
                writeln!(out, "objectives: {}; warnings: {warnings}", self.objectives)
            }
            (faults, 0) => writeln!(out, "faults: {faults}"),
            (faults, warnings) => writeln!(out, "faults: {faults}; warnings: {warnings}"),
        }
    }
}

/// The maximum number of faults, and of warnings, that the table has; JSON has all.
const MAX_LISTED: usize = 20;

fn print_listed(
    label: &str,
    findings: &[impl std::fmt::Display],
    out: &mut dyn Write,
) -> io::Result<()> {
    for finding in findings.iter().take(MAX_LISTED) {
        writeln!(out, "{label} {finding}")?;
    }
    match findings.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => writeln!(out, "{label} and {more} more (--format json lists all)"),
    }
}

fn warnings(objectives: &Objectives, policy: &BurnRatePolicy) -> Vec<SloWarning> {
    let declared = objectives.warnings().cloned();
    declared
        .chain(objectives.unreachable_alerts(policy))
        .collect()
}
