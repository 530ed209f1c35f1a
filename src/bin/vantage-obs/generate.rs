//! `vantage-obs generate`: rules, dashboards and runbooks from the declarations.
//!
//! | the file | `generate` | `generate --check` |
//! |---|---|---|
//! | is the same | leaves it | says nothing |
//! | is missing | writes it | `missing`, status 1 |
//! | differs above the marker | writes it, and keeps what people wrote below | `different`, status 1 |
//! | lacks the marker | leaves it, status 1 | `without its last generated line`, status 1 |

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use vantage_obs::config::{Config, ConfigError};
use vantage_obs::generate::{
    FileStatus, GenerateInput, GeneratedFile, MANUAL_SECTION_MARKER, TimeScale, plan,
    platform_config,
};
use vantage_obs::slo::{Objectives, SloError};

use crate::config::FigureArgs;
use crate::output::{CliError, ExitStatus};

/// Writes Prometheus's rules, dashboards and runbooks, from the catalog, the alerts, the objectives in
/// `slo.directory` and the configuration.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The output folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A service's config file: figures, thresholds, burn windows, links, team, objectives
    /// [default: the defaults, and
    /// without `--figures` `business` too].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    figures: FigureArgs,
    /// Writes nothing, and exits with status 1 if the folder differs.
    #[arg(long)]
    check: bool,
    /// A minute of the rules in a second, for tests.
    #[arg(long, value_enum, default_value = "real", hide = true)]
    pace: TimeScaleName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TimeScaleName {
    Real,
    Test,
}

/// A fault of the input files, because of which nothing can be generated.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Objectives(#[from] SloError),
}

impl GenerateArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        let loaded = self.figures.load(self.config.as_deref(), err)?;
        let input = match loaded
            .map_err(InputError::from)
            .and_then(|it| self.input(it))
        {
            Ok(input) => input,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        let files = plan(&input);
        match self.check {
            true => self.compare(&files, out),
            false => self.write(&files, out, err),
        }
    }

    /// Reads the objectives of a configuration, which is read without the environment, so that the same files come
    /// out on every machine.
    fn input(&self, config: Config) -> Result<GenerateInput, InputError> {
        let config = match self.config.is_none() && self.figures.is_empty() {
            true => platform_config(),
            false => config,
        };
        // The default folder may be missing; one that a file names was found to exist.
        let objectives = match config.slo.directory.is_dir() {
            true => Objectives::load_with(&config.slo.directory, &config.figures)?,
            false => Objectives::default(),
        };
        let time_scale = match self.pace {
            TimeScaleName::Real => TimeScale::Real,
            TimeScaleName::Test => TimeScale::Test,
        };
        Ok(GenerateInput::new(config, objectives).with_time_scale(time_scale))
    }

    /// Names each file that differs; writes nothing.
    fn compare(
        &self,
        files: &[GeneratedFile],
        out: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        let mut status = ExitStatus::Success;
        for file in files {
            let label = match file.compare(self.existing(file)?.as_deref()) {
                FileStatus::Same => continue,
                FileStatus::Missing => "missing",
                FileStatus::Unmarked => "without its last generated line",
                _ => "different",
            };
            writeln!(out, "{label}: {}", file.path)?;
            status = ExitStatus::Faulty;
        }
        Ok(status)
    }

    fn write(
        &self,
        files: &[GeneratedFile],
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        let (mut written, mut status) = (0, ExitStatus::Success);
        for file in files {
            let existing = self.existing(file)?;
            match file.compare(existing.as_deref()) {
                FileStatus::Same => continue,
                // Overwriting would delete somebody's words; nothing tells which are theirs.
                FileStatus::Unmarked => {
                    writeln!(
                        err,
                        "{}: not overwritten, because it lacks the line that marks the hand-written part: \
                         add {MANUAL_SECTION_MARKER:?} above that part, or remove the file",
                        file.path
                    )?;
                    status = ExitStatus::Faulty;
                    continue;
                }
                _ => {}
            }
            let text =
                existing.map_or_else(|| file.text.clone(), |existing| file.merged_with(&existing));
            let path = self.out.join(&file.path);
            write_file(&path, &text).map_err(|cause| CliError::unwritable(&path, cause))?;
            writeln!(out, "{}", file.path)?;
            written += 1;
        }
        writeln!(err, "{written} of {} files written", files.len())?;
        Ok(status)
    }

    /// Reads the existing file, if any.
    fn existing(&self, file: &GeneratedFile) -> Result<Option<String>, CliError> {
        let path = self.out.join(&file.path);
        match vantage_obs::generate::read_file(&path) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(CliError::unreadable(&path, cause)),
        }
    }
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
