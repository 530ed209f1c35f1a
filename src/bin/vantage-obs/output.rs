//! Exit statuses, formats and tables of all commands.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;
use vantage_obs::config::Environment;

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Exit status 0.
    Success,
    /// Exit status 1: the input has faults.
    Faulty,
    /// Exit status 2: a report says that somebody must be woken.
    Critical,
    /// Exit status 3: a usage error, or it couldn't be looked at. Not 2, clap's own: that means
    /// "critical" where a verb reports.
    Failed,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Success => Self::from(0),
            ExitStatus::Faulty => Self::from(1),
            ExitStatus::Critical => Self::from(2),
            ExitStatus::Failed => Self::from(3),
        }
    }
}

/// An error because of which a command couldn't run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Arguments that are fine one by one and not together.
    #[error("{0}")]
    Usage(String),
    #[error("{path} can't be read: {cause}")]
    Unreadable { path: String, cause: io::Error },
    #[error("{path} can't be written: {cause}")]
    Unwritable { path: String, cause: io::Error },
    #[error(transparent)]
    Fleet(#[from] vantage_obs::fleet::FleetError),
    #[error(transparent)]
    Workers(#[from] vantage_obs::workers::KnownWorkersError),
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
    #[error("the output can't be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    pub(crate) fn unreadable(path: &Path, cause: io::Error) -> Self {
        let path = path.display().to_string();
        Self::Unreadable { path, cause }
    }

    pub(crate) fn unwritable(path: &Path, cause: io::Error) -> Self {
        let path = path.display().to_string();
        Self::Unwritable { path, cause }
    }

    /// Returns true if the output was closed by its reader.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(cause) => Some(cause.kind()),
            Self::Json(cause) => cause.io_error_kind(),
            Self::Usage(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Fleet(_)
            | Self::Workers(_) => None,
        };
        kind == Some(io::ErrorKind::BrokenPipe)
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Aligned columns for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Writes a result for programs.
pub(crate) fn write_json(out: &mut dyn Write, result: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(result)?;
    Ok(writeln!(out, "{text}")?)
}

/// Returns true if standard output shows colours, and they are not unwanted.
pub(crate) fn is_colored(environment: &Environment) -> bool {
    io::stdout().is_terminal() && environment.get("NO_COLOR").is_none()
}

/// Checks that a folder can be read: a missing one is a failure to run, not a fault of its files.
pub(crate) fn ensure_readable_folder(folder: &Path) -> Result<(), CliError> {
    let entries = std::fs::read_dir(folder);
    entries
        .map(drop)
        .map_err(|cause| CliError::unreadable(folder, cause))
}

/// Writes rows in aligned columns under their headings; the last column is not padded.
pub(crate) fn write_table<const N: usize>(
    out: &mut dyn Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let headings = headings.map(str::to_owned);
    let lines = || std::iter::once(&headings).chain(rows);
    // In characters and not in bytes: names may have any.
    let width = |column: usize| lines().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    for row in lines() {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
