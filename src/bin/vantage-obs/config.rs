//! `vantage-obs config`: judges a config file and shows what would hold.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use vantage_obs::config::{Config, EffectiveConfig, Environment, Secret};

use crate::output::{Failure, Format, Status, write_table};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists every fault of a file, or prints the effective config with each value's source.
    ///
    /// The environment is applied as the service would apply it. Secrets are masked.
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The JSON file.
    file: PathBuf,
    /// How the effective config is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Verb {
    pub(crate) fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        match self {
            Self::Check(check) => check.run(&Environment::process(), out, err),
        }
    }
}

impl Check {
    fn run(
        &self,
        environment: &Environment,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Status, Failure> {
        readable(&self.file)?;
        let effective = match Config::default().with_file(&self.file).resolve(environment) {
            Ok(effective) => effective,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(Status::Faulty);
            }
        };
        for warning in effective.warnings() {
            writeln!(err, "warning: {warning}")?;
        }
        match self.format {
            Format::Table => print_table(&effective, out)?,
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&effective)?)?,
        }
        Ok(Status::Fine)
    }
}

/// A file that isn't there is a failure to run, not a fault of the configuration.
pub(crate) fn readable(file: &Path) -> Result<(), Failure> {
    let path = file.display().to_string();
    let opened = File::open(file).and_then(|file| file.metadata());
    let cause = match opened {
        Ok(metadata) if metadata.is_dir() => std::io::ErrorKind::IsADirectory.into(),
        Ok(_) => return Ok(()),
        Err(cause) => cause,
    };
    Err(Failure::Unreadable { path, cause })
}

/// What an environment variable holds. One that isn't set is a fault, so that nobody asks without the
/// token that they meant to send.
pub(crate) fn secret(name: &str) -> Result<Secret, Failure> {
    let environment = Environment::process();
    let text = environment.get(name).filter(|text| !text.is_empty());
    let missing = || Failure::Usage(format!("the variable {name} is not set"));
    Ok(Secret::new(text.ok_or_else(missing)?))
}

fn print_table(effective: &EffectiveConfig, out: &mut dyn Write) -> std::io::Result<()> {
    let rows: Vec<_> = effective
        .values()
        .map(|value| [value.path, plain(&value.value), value.source.to_string()])
        .collect();
    write_table(out, ["PATH", "VALUE", "SOURCE"], &rows)
}

/// Text without quotes, for people; all else as JSON has it.
fn plain(value: &Value) -> String {
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

    fn checked(text: &str, format: Format, variables: &[(&str, &str)]) -> (Status, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("obs.json");
        std::fs::write(&file, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let environment = Environment::from_iter(variables.iter().copied());
        let status = Check { file, format }
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
        let (status, out, err) = checked(&good(), Format::Table, &variables);
        assert_eq!(status, Status::Fine);
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
        let (_, out, _) = checked(&good(), Format::Json, &[]);
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["config"]["service"]["name"], "vantage-api");
        assert_eq!(json["sources"]["otlp.timeout"], "default");
        assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
        assert!(!out.contains(CANARY));
    }

    #[test]
    fn faults_go_to_the_error_output_and_nothing_is_printed() {
        let (status, out, err) = checked(r#"{"otlp": {"timeout": "10"}}"#, Format::Table, &[]);
        assert_eq!((status, out.as_str()), (Status::Faulty, ""));
        assert_eq!(err.lines().count(), 4, "{err}");
    }

    #[test]
    fn a_missing_file_is_a_failure_to_run() {
        let check = Check {
            file: "/nowhere/obs.json".into(),
            format: Format::Table,
        };
        let result = check.run(&Environment::empty(), &mut Vec::new(), &mut Vec::new());
        assert!(matches!(result, Err(Failure::Unreadable { .. })));
    }
}
