//! `vantage-obs slo`: objectives, their budgets, and the arithmetic behind them.

mod budget;
mod calc;
mod report;
mod validate;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::output::{CliError, ExitStatus, ensure_readable_folder};

#[derive(Debug, Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is read once"
)]
pub(crate) enum SloCommand {
    // Their arguments say what they do.
    Validate(validate::ValidateArgs),
    Budget(budget::BudgetArgs),
    Calc(calc::CalcArgs),
    Report(report::ReportArgs),
}

impl SloCommand {
    pub(crate) fn run(
        self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        match self {
            Self::Validate(arguments) => arguments.run(out, err),
            Self::Budget(arguments) => arguments.run(out, err),
            Self::Calc(arguments) => arguments.run(out),
            Self::Report(arguments) => arguments.run(out, err),
        }
    }
}

/// The folder of the objectives.
#[derive(Debug, Args)]
pub(crate) struct ObjectivesFolder {
    /// The folder with the objectives' JSON files.
    #[arg(value_name = "DIR", default_value = "slo")]
    path: PathBuf,
}

impl ObjectivesFolder {
    /// Returns the folder.
    fn readable(&self) -> Result<&Path, CliError> {
        ensure_readable_folder(&self.path)?;
        Ok(&self.path)
    }
}

#[cfg(test)]
mod tests;
