//! `vantage-obs slo validate`: every fault of every file.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use vantage_obs::config::{Config, Environment};
use vantage_obs::slo::policy::Policy;
use vantage_obs::slo::{Fault, Objectives, Warning};

use super::Folder;
use crate::output::{Failure, Format, Status};

/// Names every fault of every objective at once: file, JSON path, what stands there, what may.
///
/// What is legal but suspicious is a warning: a target of 0.999, a description with another number, an
/// alert that can never fire because even a total outage burns the budget no faster.
///
/// Exit status: 0 all objectives can be tracked, warnings included; 1 there are faults; 3 the folder
/// can't be read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// A service's config file, whose alert policy is meant instead of the default one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the findings are printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// What was found in a folder.
struct Findings {
    objectives: usize,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<Status, Failure> {
        let policy = match self.policy() {
            Ok(policy) => policy,
            Err(error) => {
                writeln!(out, "{error}")?;
                return Ok(Status::Faulty);
            }
        };
        let loaded = Objectives::load(self.folder.readable()?);
        let findings = Findings::of(loaded, &policy);
        match self.format {
            Format::Table => {
                let plain = Environment::process().get("NO_COLOR").is_some();
                findings.print(io::stdout().is_terminal() && !plain, out)?;
            }
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings.json())?)?,
        }
        Ok(match findings.faults.is_empty() {
            true => Status::Fine,
            false => Status::Faulty,
        })
    }

    fn policy(&self) -> Result<Policy, vantage_obs::config::ConfigError> {
        let Some(file) = &self.config else {
            return Ok(Policy::platform());
        };
        let config = Config::default().with_file(file);
        let effective = config.resolve(&Environment::process())?;
        Ok(effective.config.slo.alert_policy())
    }
}

impl Findings {
    fn of(loaded: Result<Objectives, vantage_obs::slo::SloError>, policy: &Policy) -> Self {
        match loaded {
            Ok(objectives) => Self {
                objectives: objectives.len(),
                faults: Vec::new(),
                warnings: warnings(&objectives, policy),
            },
            Err(error) => Self {
                objectives: 0,
                faults: error.faults().to_vec(),
                warnings: warnings(error.sound(), policy),
            },
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "valid": self.faults.is_empty(),
            "objectives": self.objectives,
            "faults": self.faults,
            "warnings": self.warnings,
        })
    }

    fn print(&self, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
        let word = |word: &str, code: &str| match coloured {
            true => format!("\x1b[{code}m{word}\x1b[0m"),
            false => word.to_owned(),
        };
        for fault in &self.faults {
            writeln!(out, "{} {fault}", word("fault:", "1;31"))?;
        }
        for warning in &self.warnings {
            writeln!(out, "{} {warning}", word("warning:", "33"))?;
        }
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

fn warnings(objectives: &Objectives, policy: &Policy) -> Vec<Warning> {
    let declared = objectives.warnings().cloned();
    declared.chain(objectives.unreachable(policy)).collect()
}
