//! `vantage-obs config`: judges a config file and shows what would hold.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use vantage_obs::config::{Config, EffectiveConfig, Environment, Secret};

use crate::output::{CliError, ExitStatus, OutputFormat, write_table};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Lists every fault of a file, or prints the effective config with each value's source.
    ///
    /// The environment is applied as the service would apply it. Secrets are masked.
    Check(ConfigCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArgs {
    /// The JSON file.
    file: PathBuf,
    /// How the effective config is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

impl ConfigCommand {
    pub(crate) fn run(
        self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        match self {
            Self::Check(check) => check.run(&Environment::from_process(), out, err),
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
        let effective = match Config::default().with_file(&self.file).resolve(environment) {
            Ok(effective) => effective,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        for warning in effective.warnings() {
            writeln!(err, "warning: {warning}")?;
        }
        match self.format {
            OutputFormat::Table => print_table(&effective, out)?,
            OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&effective)?)?,
        }
        Ok(ExitStatus::Success)
    }
}

/// Checks that a file can be read: a missing one is a failure to run, not a fault of the configuration.
pub(crate) fn ensure_readable(file: &Path) -> Result<(), CliError> {
    let path = file.display().to_string();
    let metadata = File::open(file).and_then(|file| file.metadata());
    let cause = match metadata {
        Ok(metadata) if metadata.is_dir() => std::io::ErrorKind::IsADirectory.into(),
        Ok(_) => return Ok(()),
        Err(cause) => cause,
    };
    Err(CliError::Unreadable { path, cause })
}

/// Reads a secret from an environment variable. One that isn't set is a fault, so that no request is
/// sent without the token that was meant.
pub(crate) fn secret_from_env(name: &str) -> Result<Secret, CliError> {
    let environment = Environment::from_process();
    let text = environment.get(name).filter(|text| !text.is_empty());
    let missing = || CliError::Usage(format!("the variable {name} is not set"));
    Ok(Secret::new(text.ok_or_else(missing)?))
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
        let status = ConfigCheckArgs { file, format }
            .run(&environment, &mut out, &mut err)
            .unwrap();
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
        assert_eq!(err.lines().count(), 4, "{err}");
    }

    #[test]
    fn a_missing_file_is_a_failure_to_run() {
        let check = ConfigCheckArgs {
            file: "/nowhere/obs.json".into(),
            format: OutputFormat::Table,
        };
        let result = check.run(&Environment::empty(), &mut Vec::new(), &mut Vec::new());
        assert!(matches!(result, Err(CliError::Unreadable { .. })));
    }
}
