//! `vantage-obs generate`: rules, dashboards and runbooks from the declarations.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use vantage_obs::config::{Config, ConfigError};
use vantage_obs::generate::{Found, GeneratedFile, HAND_WRITTEN, Pace, Source, plan};
use vantage_obs::slo::{Objectives, SloError};

use crate::config::readable;
use crate::output::{Failure, Status};

/// Writes Prometheus's rules, dashboards and runbooks, from the catalog, the alerts, the objectives in
/// `slo.directory` and the configuration.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder that the files go to.
    #[arg(long)]
    out: PathBuf,
    /// A config file: thresholds, burn windows, links, team, objectives. Without it, the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Writes nothing, and fails with status 1 where the folder differs.
    #[arg(long)]
    check: bool,
    /// A minute of the rules in a second, for tests.
    #[arg(long, value_enum, default_value = "real", hide = true)]
    pace: PaceName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PaceName {
    Real,
    Test,
}

/// Why nothing can be generated: whoever wrote these files is at fault.
#[derive(Debug, thiserror::Error)]
enum Faults {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Objectives(#[from] SloError),
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        if let Some(file) = &self.config {
            readable(file)?;
        }
        let source = match self.source() {
            Ok(source) => source,
            Err(faults) => {
                writeln!(err, "{faults}")?;
                return Ok(Status::Faulty);
            }
        };
        let files = plan(&source);
        match self.check {
            true => self.compare(&files, out),
            false => self.write(&files, out, err),
        }
    }

    fn source(&self) -> Result<Source, Faults> {
        let config = match &self.config {
            Some(file) => Config::from_file(file)?,
            None => Config::default(),
        };
        // The default folder may be missing; one that a file names was found to exist.
        let objectives = match config.slo.directory.is_dir() {
            true => Objectives::load(&config.slo.directory)?,
            false => Objectives::default(),
        };
        let pace = match self.pace {
            PaceName::Real => Pace::Real,
            PaceName::Test => Pace::Test,
        };
        Ok(Source::new(config, objectives).at(pace))
    }

    fn compare(&self, files: &[GeneratedFile], out: &mut dyn Write) -> Result<Status, Failure> {
        let mut status = Status::Fine;
        for file in files {
            let word = match file.compare(self.existing(file)?.as_deref()) {
                Found::Same => continue,
                Found::Missing => "missing",
                Found::Unmarked => "without its last generated line",
                _ => "different",
            };
            writeln!(out, "{word}: {}", file.path)?;
            status = Status::Faulty;
        }
        Ok(status)
    }

    fn write(
        &self,
        files: &[GeneratedFile],
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Status, Failure> {
        let (mut written, mut status) = (0, Status::Fine);
        for file in files {
            let existing = self.existing(file)?;
            match file.compare(existing.as_deref()) {
                Found::Same => continue,
                Found::Unmarked => {
                    writeln!(
                        err,
                        "{}: left as it is, because it lacks the line below which people write: \
                         add {HAND_WRITTEN:?} above what is theirs, or remove the file",
                        file.path
                    )?;
                    status = Status::Faulty;
                    continue;
                }
                _ => {}
            }
            let text = existing.map_or_else(|| file.text.clone(), |existing| file.over(&existing));
            let path = self.out.join(&file.path);
            write_file(&path, &text).map_err(|cause| unwritable(&path, cause))?;
            writeln!(out, "{}", file.path)?;
            written += 1;
        }
        writeln!(err, "{written} of {} files written", files.len())?;
        Ok(status)
    }

    /// What stands at the file's place.
    fn existing(&self, file: &GeneratedFile) -> Result<Option<String>, Failure> {
        let path = self.out.join(&file.path);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Failure::Unreadable {
                path: path.display().to_string(),
                cause,
            }),
        }
    }
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn unwritable(path: &Path, cause: io::Error) -> Failure {
    let path = path.display().to_string();
    Failure::Unwritable { path, cause }
}
