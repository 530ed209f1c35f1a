//! `vantage-obs init`: the files that a service starts with.
//!
//! | a file | is |
//! |---|---|
//! | that is missing | written |
//! | that is there | kept, whatever it holds; named where it differs |

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use vantage_obs::alerts::AlertSignal;
use vantage_obs::config::{Config, ConfigError, Environment, Role};
use vantage_obs::figure::Figures;
use vantage_obs::generate::{
    COMPOSE_FILE_NAME, CONFIG_FILE_NAME, FileStatus, GenerateInput, GeneratedFile, StarterInput,
    config_file, objective_files, plan, read_file, tool_files,
};
use vantage_obs::slo::{Objectives, SloError};

use crate::config::parse_role;
use crate::output::{CliError, ExitStatus};

/// Writes the files that a service starts with: a commented config, objectives, and what runs Prometheus,
/// Alertmanager, Grafana and Jaeger beside it, with all that `generate` makes.
///
/// A file that is there is never overwritten: remove it to have it written anew.
///
/// Exit status: 0 done; 1 a file that is there has faults; 3 a file can't be written.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// A role of the service: api, worker, scheduler or web; may be repeated.
    #[arg(long = "role", value_name = "ROLE", value_parser = parse_role, default_value = "api")]
    roles: Vec<Role>,
    /// The service's name [default: that of the folder].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The output folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// A fault of the arguments, or of a file that is there.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Objectives(#[from] SloError),
}

/// The files that were written, and those that were kept.
#[derive(Debug, Default)]
struct Written {
    paths: Vec<String>,
    /// Those that are there with other content than would have been written.
    different: Vec<String>,
    same: usize,
    /// Alerts that a config which was there turns off, although the service has their role.
    turned_off: Vec<AlertSignal>,
}

/// The reason why nothing more is written.
enum Stopped {
    Input(InputError),
    Cli(CliError),
}

impl<E: Into<InputError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Input(error.into())
    }
}

impl InitArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        let mut roles = self.roles.clone();
        roles.sort_unstable();
        roles.dedup();
        let input = StarterInput::new(self.name(), roles);
        let mut written = Written::default();
        let stopped = self.write(&input, &mut written);
        for path in &written.paths {
            writeln!(out, "{path}")?;
        }
        for path in &written.different {
            writeln!(err, "kept, because it is there: {path}")?;
        }
        for signal in &written.turned_off {
            let (name, key) = (signal.spec().name, signal.key());
            writeln!(
                err,
                "warning: {CONFIG_FILE_NAME} turns {name} off, and the service has that role: take alerts.{key} out"
            )?;
        }
        match stopped {
            Ok(()) => {
                self.tell(&input, &written, err)?;
                Ok(ExitStatus::Success)
            }
            Err(Stopped::Input(error)) => {
                writeln!(err, "{error}")?;
                Ok(ExitStatus::Faulty)
            }
            Err(Stopped::Cli(error)) => Err(error),
        }
    }

    /// Writes what is missing: first what the service decides, then what follows from it.
    fn write(&self, input: &StarterInput, written: &mut Written) -> Result<(), Stopped> {
        validate(input)?;
        let slo = self.out.join("slo");
        // Those of a config that is there: objectives may name them.
        let existing = self.out.join(CONFIG_FILE_NAME);
        let figures = match existing.exists() {
            true => Config::from_file(existing)?.figures,
            false => Figures::default(),
        };
        let declared = declared_objectives(&slo, &figures)?;
        for (key, file) in objective_files(input) {
            // A second declaration would be a fault of both files.
            let is_declared = declared.iter().any(|id| id.split('.').next() == Some(key));
            match is_declared && !self.out.join(&file.path).exists() {
                true => written.same += 1,
                false => self.write_new(&file, written)?,
            }
        }
        // From the folder in which the service runs, which is the one that the command is run in.
        let found_slo = slo.strip_prefix(".").unwrap_or(&slo);
        let has_objectives = !declared_objectives(&slo, &figures)?.is_empty();
        let config = config_file(input, has_objectives.then_some(found_slo));
        self.write_new(&config, written)?;
        // As written or as found: the other files follow it.
        let config = Config::from_file(self.out.join(CONFIG_FILE_NAME))?;
        written.turned_off = input.missed_absences(&config);
        for file in tool_files(input, &config) {
            self.write_new(&file, written)?;
        }
        let objectives = match config.slo.directory.is_dir() {
            true => Objectives::load_with(&config.slo.directory, &config.figures)?,
            false => Objectives::default(),
        };
        for file in plan(&GenerateInput::new(config, objectives)) {
            self.write_new(&file, written)?;
        }
        Ok(())
    }

    /// Returns the name of the service: the given one, or else that of the folder.
    fn name(&self) -> String {
        let named = self.name.clone();
        let folder = || {
            let existing = fs::canonicalize(&self.out).ok();
            let path = existing.unwrap_or_else(|| self.out.clone());
            let name = path.file_name()?.to_str()?.to_owned();
            Some(name)
        };
        named.or_else(folder).unwrap_or_else(|| "service".into())
    }

    /// Writes a file, unless there is one.
    fn write_new(&self, file: &GeneratedFile, written: &mut Written) -> Result<(), Stopped> {
        let path = self.out.join(&file.path);
        match create(&path, &file.text) {
            Ok(()) => written.paths.push(file.path.clone()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let existing = read_file(&path).ok();
                match file.compare(existing.as_deref()) {
                    FileStatus::Same => written.same += 1,
                    _ => written.different.push(file.path.clone()),
                }
            }
            Err(cause) => return Err(Stopped::Cli(CliError::unwritable(&path, cause))),
        }
        Ok(())
    }

    /// Says how many files there are, and what comes next.
    fn tell(&self, input: &StarterInput, written: &Written, err: &mut dyn Write) -> io::Result<()> {
        let Written {
            paths,
            different,
            same,
            ..
        } = written;
        writeln!(
            err,
            "{} files written, {} kept ({same} of them unchanged)",
            paths.len(),
            different.len() + same
        )?;
        let port = input.port();
        let place = |name: &str| {
            let path = self.out.join(name);
            path.strip_prefix(".")
                .unwrap_or(&path)
                .display()
                .to_string()
        };
        let (config, compose) = (place(CONFIG_FILE_NAME), place(COMPOSE_FILE_NAME));
        let check = input.check_command(&config);
        writeln!(
            err,
            "
Next:
  1. {check}
  2. docker compose -f {compose} up -d
  3. start the service, whose code says its name and roles (Config::new), on an address that containers reach
     (on Linux 0.0.0.0:{port}):
     VANTAGE_OBS_CONFIG={config} OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 \\
     OTEL_TRACES_SAMPLER=always_on cargo run
  4. dashboards are at http://127.0.0.1:3000, traces at http://127.0.0.1:16686
  5. after a change of the config or the objectives:
     vantage-obs generate --config {config} --out {}",
            self.out.display()
        )
    }
}

/// Checks name and roles before anything is written.
fn validate(input: &StarterInput) -> Result<(), ConfigError> {
    let mut config = Config::default();
    config.service.name.clone_from(&input.name);
    config.service.roles.clone_from(&input.roles);
    config.resolve(&Environment::empty()).map(drop)
}

/// Returns the ids of the objectives in a folder; none if it holds no file.
fn declared_objectives(folder: &Path, figures: &Figures) -> Result<Vec<String>, SloError> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    if !paths.any(|path| is_json(&path)) {
        return Ok(Vec::new());
    }
    let objectives = Objectives::load_with(folder, figures)?;
    Ok(objectives
        .iter()
        .map(|objective| objective.id().to_owned())
        .collect())
}

/// Creates a file with its folders; an error if there is one.
fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Never through an existing name, also where one appears meanwhile.
    let mut file = File::create_new(path)?;
    write_whole(&mut file, path, text)
}

/// Writes a file that was just created. Half of it would be kept for ever, so that it is removed after an error.
fn write_whole(file: &mut impl Write, path: &Path, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes()).inspect_err(|_| {
        // The error of the write says more.
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: &str = r#"{"shop": {"orders": {"metric": "shop.orders", "good": {"payment": "card"},
        "target": 99, "window": "30d"}}}"#;

    /// A disk with room for some bytes.
    struct FullDisk(File, usize);

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.1.min(bytes.len()) {
                0 => Err(io::ErrorKind::StorageFull.into()),
                room => {
                    self.1 -= room;
                    self.0.write(&bytes[..room])
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_half_of_a_file_stays_after_a_failed_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slo.json");
        let mut disk = FullDisk(File::create_new(&path).unwrap(), 5);
        let error = write_whole(&mut disk, &path, "{\"objectives\": []}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    #[test]
    fn objectives_may_name_the_figures_of_a_config_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("shop");
        fs::create_dir_all(out.join("slo")).unwrap();
        let config = format!(
            r#"{{"service": {{"name": "shop", "roles": ["api"]}}, "slo": {{"directory": {:?}}},
                "figures": {{"shop.orders": {{"kind": "counter", "labels": {{"payment": ["card", "invoice"]}}}}}}}}"#,
            out.join("slo")
        );
        fs::write(out.join(CONFIG_FILE_NAME), config).unwrap();
        fs::write(out.join("slo/shop.json"), OBJECTIVE).unwrap();
        let init = InitArgs {
            roles: vec![Role::Worker],
            name: Some("shop".into()),
            out,
        };
        let (mut written, mut err) = (Vec::new(), Vec::new());
        let status = init.run(&mut written, &mut err).unwrap();
        assert_eq!(
            status,
            ExitStatus::Success,
            "{}",
            String::from_utf8_lossy(&err)
        );
    }
}
