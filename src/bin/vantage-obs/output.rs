//! What all verbs share: exit statuses, formats, and tables.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Exit status 0.
    Fine,
    /// Exit status 1: what was looked at has faults.
    Faulty,
    /// Exit status 2: a report says that somebody must be woken.
    Critical,
    /// Exit status 3: a usage error, or it couldn't be looked at. Not 2, clap's own: that means
    /// "critical" where a verb reports.
    Failed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Fine => Self::from(0),
            Status::Faulty => Self::from(1),
            Status::Critical => Self::from(2),
            Status::Failed => Self::from(3),
        }
    }
}

/// Why a verb couldn't do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
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

impl Failure {
    /// Whether it is only that nobody reads on.
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
pub(crate) enum Format {
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
