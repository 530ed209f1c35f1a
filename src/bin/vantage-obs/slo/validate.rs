//! `vantage-obs slo validate`: every fault of every file.

use std::io::{self, IsTerminal as _, Write};

use clap::Args;
use serde_json::json;
use vantage_obs::config::Environment;
use vantage_obs::slo::{Fault, Objectives, Warning};

use super::Folder;
use crate::output::{Failure, Format, Status};

/// Names every fault of every objective at once: file, JSON path, what stands there, what may.
///
/// What is legal but suspicious is a warning: a target of 0.999, a description with another number.
///
/// Exit status: 0 all objectives can be tracked, warnings included; 1 there are faults; 3 the folder
/// can't be read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: Folder,
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
        let findings = Findings::of(Objectives::load(self.folder.readable()?));
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
}

impl Findings {
    fn of(loaded: Result<Objectives, vantage_obs::slo::SloError>) -> Self {
        match loaded {
            Ok(objectives) => Self {
                objectives: objectives.len(),
                faults: Vec::new(),
                warnings: objectives.warnings().cloned().collect(),
            },
            Err(error) => Self {
                objectives: 0,
                faults: error.faults().to_vec(),
                warnings: error.warnings().to_vec(),
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
