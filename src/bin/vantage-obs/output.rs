//! Exit statuses, formats and tables of all commands.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;

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
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
    #[error("the output can't be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    /// Returns true if the output was closed by its reader.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(cause) => Some(cause.kind()),
            Self::Json(cause) => cause.io_error_kind(),
            Self::Usage(_) | Self::Unreadable { .. } | Self::Unwritable { .. } | Self::Fleet(_) => {
                None
            }
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

/// Writes rows in aligned columns under their headings; the last column is not padded.
pub(crate) fn write_table<const N: usize>(
    out: &mut dyn Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let headings = headings.map(str::to_owned);
    let lines = || std::iter::once(&headings).chain(rows);
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
