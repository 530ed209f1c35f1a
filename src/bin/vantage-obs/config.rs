//! `vantage-obs config`: checks a config file and shows the effective configuration.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use vantage_obs::config::{
    Config, ConfigError, ConfigSource, EffectiveConfig, Environment, Role, Secret, SettingSpec,
    settings, variables,
};
use vantage_obs::figure::Figures;

use crate::output::{CliError, ExitStatus, OutputFormat, write_json, write_table};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Lists every fault of a file, or prints the effective config with each value's source.
    ///
    /// The environment is applied as the service would apply it. Secrets are masked.
    ///
    /// Exit status: 0 valid, warnings included; 1 there are faults; 3 the file can't be read.
    Check(ConfigCheckArgs),
    /// Prints a Markdown table of every environment variable, with the setting that it decides.
    Variables,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArgs {
    /// The JSON file.
    file: PathBuf,
    #[command(flatten)]
    code: CodeArgs,
    #[command(flatten)]
    figures: FigureArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

/// The part of a configuration that the code of a service sets.
#[derive(Debug, Default, Args)]
pub(crate) struct CodeArgs {
    /// The service's name, where the code sets it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A role of the service, where the code sets it; may be repeated.
    #[arg(long = "role", value_name = "ROLE", value_parser = parse_role)]
    roles: Vec<Role>,
}

/// The figures that the code of a service declares.
#[derive(Debug, Default, Args)]
pub(crate) struct FigureArgs {
    /// A file of the figures that a service's code declares, as serde writes them, or a config file; may be
    /// repeated.
    #[arg(long = "figures", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl FigureArgs {
    /// Returns whether there is no file.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Checks that each file can be read.
    pub(crate) fn ensure_readable(&self) -> Result<(), CliError> {
        self.files.iter().try_for_each(|file| ensure_readable(file))
    }

    /// Reads a config file on top of the figures; warnings go to `err`.
    pub(crate) fn load(
        &self,
        config: Option<&Path>,
        err: &mut dyn Write,
    ) -> Result<Result<Config, ConfigError>, CliError> {
        self.ensure_readable()?;
        config.map_or(Ok(()), ensure_readable)?;
        let loaded = self.read();
        match loaded.and_then(|declared| Config::without_code(declared, config)) {
            Ok((config, warnings)) => {
                for warning in warnings {
                    writeln!(err, "warning: {warning}")?;
                }
                Ok(Ok(config))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Reads the figures of all files; what two files declare alike is one figure.
    pub(crate) fn read(&self) -> Result<Figures, ConfigError> {
        let mut all = Figures::default();
        for file in &self.files {
            for figure in Figures::from_file(file)?.iter() {
                if all.get(&figure.name) != Some(figure) {
                    all.insert(figure.clone());
                }
            }
        }
        Ok(all)
    }
}

impl CodeArgs {
    /// Returns the configuration as the code makes it, with its file. Name and role that are not given are left to
    /// the file, which needn't say them.
    pub(crate) fn config(&self, file: Option<&Path>) -> Config {
        let mut config = Config::default();
        config.service.name = self.name.clone().unwrap_or_default();
        let roles = self.roles.iter();
        let config = roles.fold(config, |config, role| config.role(*role));
        match file {
            Some(file) => config.file(file),
            None => config,
        }
    }
}

pub(crate) fn parse_role(text: &str) -> Result<Role, String> {
    let all = [Role::Api, Role::Worker, Role::Scheduler, Role::Web];
    let known = all.into_iter().find(|role| role.as_str() == text);
    known.ok_or_else(|| format!("allowed: {}", all.map(Role::as_str).join(", ")))
}

impl ConfigCommand {
    pub(crate) fn run(
        self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        match self {
            Self::Check(check) => check.run(&Environment::from_process(), out, err),
            Self::Variables => {
                out.write_all(variables_markdown().as_bytes())?;
                Ok(ExitStatus::Success)
            }
        }
    }
}

impl ConfigCheckArgs {
    fn run(
        &self,
        environment: &Environment,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        ensure_readable(&self.file)?;
        self.figures.ensure_readable()?;
        let mut known = self.code.config(Some(&self.file));
        let effective = self.figures.read().and_then(|declared| {
            known.figures = declared;
            known.resolve_without_code(environment)
        });
        let effective = match effective {
            Ok(effective) => effective,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        for path in ["service.name", "service.roles"] {
            if effective.source(path) == ConfigSource::Default {
                writeln!(err, "warning: {path} is not set here: the code must set it")?;
            }
        }
        for warning in effective.warnings() {
            writeln!(err, "warning: {warning}")?;
        }
        match self.format {
            OutputFormat::Table => {
                print_table(&effective, out)?;
                writeln!(out, "access over HTTP: {}", effective.config.access())?;
            }
            OutputFormat::Json => write_json(out, &effective)?,
        }
        Ok(ExitStatus::Success)
    }
}

/// Checks that a file can be read: a missing one is a failure to run, not a fault of the configuration.
pub(crate) fn ensure_readable(file: &Path) -> Result<(), CliError> {
    // Asked before the file is opened, because opening a named pipe blocks.
    let metadata = std::fs::metadata(file).and_then(|metadata| match metadata.is_file() {
        true => File::open(file).map(|_| metadata),
        false => Ok(metadata),
    });
    let cause = match metadata {
        Ok(metadata) if metadata.is_dir() => std::io::ErrorKind::IsADirectory.into(),
        Ok(_) => return Ok(()),
        Err(cause) => cause,
    };
    Err(CliError::unreadable(file, cause))
}

/// Loads the configuration: of a file, or of the variables where they name what can be asked; `None` where nothing
/// is named. Name and roles, which a service may set in its code, needn't be there; figures that it declares there may
/// be given.
pub(crate) fn load_config(
    file: Option<&Path>,
    declared: &Figures,
) -> Result<Option<Config>, CliError> {
    const SOURCES: [&str; 3] = [
        "VANTAGE_OBS_CONFIG",
        "VANTAGE_OBS_SLO_PROMETHEUS_URL",
        "VANTAGE_OBS_STORE_KIND",
    ];
    let environment = Environment::from_process();
    let is_named = SOURCES.iter().any(|name| environment.get(name).is_some());
    if let Some(file) = file {
        ensure_readable(file)?;
    } else if !is_named {
        return Ok(None);
    }
    let mut known = CodeArgs::default().config(file);
    known.figures = declared.clone();
    match known.resolve_without_code(&environment) {
        Ok(effective) => Ok(Some(effective.config)),
        Err(error) => Err(CliError::Usage(error.to_string())),
    }
}

/// Reads a secret from an environment variable. One that isn't set is a fault, so that no request is
/// sent without the token that was meant.
pub(crate) fn secret_from_env(name: &str) -> Result<Secret, CliError> {
    let environment = Environment::from_process();
    let text = environment.get(name).filter(|text| !text.is_empty());
    let missing = || CliError::Usage(format!("the variable {name} is not set"));
    Ok(Secret::new(text.ok_or_else(missing)?))
}

/// Parses a header of the command line, `NAME: VALUE` or `NAME=VALUE`.
pub(crate) fn parse_header(text: &str) -> Result<(String, Secret), String> {
    let allowed = || "allowed: NAME: VALUE, with a name of letters, digits and hyphens".to_owned();
    let (name, value) = text.split_once([':', '=']).ok_or_else(allowed)?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_value = |c: char| c == ' ' || c == '\t' || c.is_ascii_graphic();
    let good = !name.is_empty() && name.chars().all(is_name) && !value.is_empty();
    match good && value.chars().all(is_value) {
        true => Ok((name, Secret::new(value))),
        false => Err(allowed()),
    }
}

fn print_table(effective: &EffectiveConfig, out: &mut dyn Write) -> std::io::Result<()> {
    let rows: Vec<_> = effective
        .values()
        .map(|value| {
            [
                value.path,
                cell_text(&value.value),
                value.source.to_string(),
            ]
        })
        .collect();
    write_table(out, ["PATH", "VALUE", "SOURCE"], &rows)
}

fn variables_markdown() -> String {
    let settings = settings();
    let mut page = String::from(
        "# Environment variables\n\n\
         Generated by `vantage-obs config variables` from the declarations in `src/config`; a test keeps it equal.\n\
         Where two variables decide one setting, the later one here wins. `VANTAGE_OBS_CONFIG` names the config file,\n\
         which all others overrule.\n\n\
         - Durations are written as in the file, such as `1h30m`; in `OTEL_*`, they are milliseconds without a unit.\n\
         - Lists are comma-separated; attributes and headers are `name=value` pairs, comma-separated and percent-encoded.\n\
         - `OTEL_*_EXPORTER` takes `otlp`, for metrics also `prometheus`, or `none`.\n\
         - `OTEL_*` and `RUST_LOG` are shared with other programs and never stop a service: a value that is unknown,\n  \
           malformed or out of range is warned of and ignored, and so is a single item of a list. A bad value of\n  \
           `VANTAGE_OBS_*` is a fault; what Kubernetes injects for a Service of that name is left alone.\n\n\
         | variable | setting | meaning |\n|---|---|---|\n",
    );
    for variable in variables() {
        let decides = |setting: &&SettingSpec| variable.paths.contains(&setting.path.as_str());
        for SettingSpec {
            path,
            secret,
            description,
            ..
        } in settings.iter().filter(decides)
        {
            let secret = if *secret { ", never shown" } else { "" };
            let name = variable.name;
            page.push_str(&format!(
                "| `{name}` | `{path}`{secret} | {description} |\n"
            ));
        }
    }
    page
}

/// Returns a table's cell: text without quotes, all else as JSON has it.
fn cell_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.escape_debug().to_string(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-5e6f";

    fn run_check(
        text: &str,
        format: OutputFormat,
        variables: &[(&str, &str)],
    ) -> (ExitStatus, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("obs.json");
        std::fs::write(&file, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let environment = Environment::from_iter(variables.iter().copied());
        let check = ConfigCheckArgs {
            file,
            code: CodeArgs::default(),
            figures: FigureArgs::default(),
            format,
        };
        let status = check.run(&environment, &mut out, &mut err).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status, text(out), text(err))
    }

    fn good() -> String {
        format!(
            r#"{{"service": {{"name": "vantage-api", "roles": ["api"]}},
                "otlp": {{"endpoint": "http://jaeger:14250", "headers": {{"token": "{CANARY}"}}}}}}"#
        )
    }

    #[test]
    fn a_good_file_is_printed_with_sources_and_masked_secrets() {
        let variables = [("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")];
        let (status, out, err) = run_check(&good(), OutputFormat::Table, &variables);
        assert_eq!(status, ExitStatus::Success);
        let line = |path: &str| {
            let line = out.lines().find(|line| line.starts_with(path)).unwrap();
            line.split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(line("PATH"), ["PATH", "VALUE", "SOURCE"]);
        assert_eq!(line("otlp.headers.token")[1..3], ["***", "file"]);
        assert_eq!(line("otlp.timeout")[1..3], ["2s", "environment"]);
        assert_eq!(line("otlp.protocol"), ["otlp.protocol", "grpc", "default"]);
        assert!(err.starts_with("warning: otlp.endpoint: "), "{err}");
        assert!(!out.contains(CANARY) && !err.contains(CANARY));
    }

    #[test]
    fn the_json_form_holds_config_sources_and_warnings() {
        let (_, out, _) = run_check(&good(), OutputFormat::Json, &[]);
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["config"]["service"]["name"], "vantage-api");
        assert_eq!(json["sources"]["otlp.timeout"], "default");
        assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
        assert!(!out.contains(CANARY));
    }

    #[test]
    fn faults_go_to_the_error_output_and_nothing_is_printed() {
        let (status, out, err) =
            run_check(r#"{"otlp": {"timeout": "10"}}"#, OutputFormat::Table, &[]);
        assert_eq!((status, out.as_str()), (ExitStatus::Faulty, ""));
        assert_eq!(err.lines().count(), 2, "{err}");
    }

    #[test]
    fn what_the_code_sets_is_missed_by_a_warning_or_given_by_arguments() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"heartbeat": {"offline_after": "2m"}}"#).unwrap();
        let run = |code| {
            let check = ConfigCheckArgs {
                file: file.path().into(),
                code,
                figures: FigureArgs::default(),
                format: OutputFormat::Table,
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let status = check
                .run(&Environment::empty(), &mut out, &mut err)
                .unwrap();
            assert_eq!(status, ExitStatus::Success);
            String::from_utf8(err).unwrap()
        };
        let missed = run(CodeArgs::default());
        assert_eq!(missed.lines().count(), 2, "{missed}");
        assert!(missed.contains("service.name is not set here"), "{missed}");
        let given = run(CodeArgs {
            name: Some("publisher".into()),
            roles: vec![Role::Worker],
        });
        // A worker of this role doesn't decide it.
        assert_eq!(given.lines().count(), 1, "{given}");
        assert!(given.contains("heartbeat.offline_after"), "{given}");
    }

    #[test]
    fn a_file_that_renames_the_service_of_the_arguments_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            r#"{"service": {"name": "shop-api", "roles": ["api"]}}"#,
        )
        .unwrap();
        let warnings = |name: Option<&str>, roles: &[Role]| {
            let check = ConfigCheckArgs {
                figures: FigureArgs::default(),
                file: file.path().into(),
                code: CodeArgs {
                    name: name.map(Into::into),
                    roles: roles.to_vec(),
                },
                format: OutputFormat::Table,
            };
            let mut err = Vec::new();
            check
                .run(&Environment::empty(), &mut Vec::new(), &mut err)
                .unwrap();
            String::from_utf8(err).unwrap()
        };
        assert_eq!(warnings(None, &[]), "");
        assert_eq!(warnings(Some("shop-api"), &[Role::Api]), "");
        let renamed = warnings(Some("shop-worker"), &[]);
        assert!(
            renamed.starts_with("warning: service.name (file "),
            "{renamed}"
        );
    }

    #[test]
    fn a_missing_file_is_a_failure_to_run() {
        let check = ConfigCheckArgs {
            file: "/nowhere/obs.json".into(),
            code: CodeArgs::default(),
            figures: FigureArgs::default(),
            format: OutputFormat::Table,
        };
        let result = check.run(&Environment::empty(), &mut Vec::new(), &mut Vec::new());
        assert!(matches!(result, Err(CliError::Unreadable { .. })));
    }
    #[test]
    fn the_committed_table_of_variables_is_what_the_declarations_say() {
        let committed = include_str!("../../../docs/VARIABLES.md");
        let hint = "run: cargo run --features cli -- config variables > docs/VARIABLES.md";
        assert!(variables_markdown() == committed, "{hint}");
    }
}
