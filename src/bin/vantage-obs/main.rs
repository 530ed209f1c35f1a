//! The `vantage-obs` command: an operator's tools that need no running service.
//!
//! Each subcommand is a module with its arguments and a `run`, which writes results to the given output
//! and answers with the exit status.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | done, warnings included |
//! | 1 | the input has faults, or differs |
//! | 2 | a report says critical (`slo report --exit-code`) |
//! | 3 | usage, or it could not be tried |

mod alerts;
mod catalog;
mod config;
mod dev;
mod doctor;
mod generate;
mod init;
mod output;
mod slo;
mod store_arg;
mod workers;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{CliError, ExitStatus};

/// Tools for services that record with vantage-obs: their configuration, objectives, alerts and dashboards.
///
/// Most need no running service. Results go to standard output, all else to
/// standard error. Exit status 3 is a usage error or a failure to run, with every verb.
#[derive(Debug, Parser)]
#[command(name = "vantage-obs", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    // Its arguments say what it does.
    Init(init::InitArgs),
    // Its arguments say what it does.
    Dev(dev::DevArgs),
    /// Checks a config file, and lists the environment variables.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Checks objectives, computes error budgets, and reports on them.
    #[command(subcommand)]
    Slo(Box<slo::SloCommand>),
    /// Shows which alerts fired.
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// Lists and forgets workers.
    #[command(subcommand)]
    Workers(workers::WorkersCommand),
    // Its arguments say what it does.
    Doctor(doctor::DoctorArgs),
    /// Prints every metric that can be emitted.
    Catalog(catalog::CatalogArgs),
    // Its arguments say what it does.
    Generate(generate::GenerateArgs),
}

impl Command {
    fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitStatus, CliError> {
        match self {
            Self::Init(arguments) => arguments.run(out, err),
            Self::Dev(arguments) => arguments.run(out),
            Self::Config(command) => command.run(out, err),
            Self::Slo(command) => command.run(out, err),
            Self::Alerts(command) => command.run(out, err),
            Self::Workers(command) => command.run(out),
            Self::Doctor(arguments) => arguments.run(out, err),
            Self::Catalog(arguments) => arguments.run(out, err),
            Self::Generate(arguments) => arguments.run(out, err),
        }
    }
}

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let status = match Cli::try_parse() {
        Ok(arguments) => exit_status(arguments.command.run(&mut out, &mut err), &mut err),
        Err(usage) => {
            // A closed pipe leaves nobody to tell.
            let text = usage.render();
            let to: &mut dyn Write = if usage.use_stderr() {
                &mut err
            } else {
                &mut out
            };
            let _ = write!(to, "{text}");
            if usage.use_stderr() {
                // Not clap's 2, which means "critical" where a command reports.
                ExitStatus::Failed
            } else {
                ExitStatus::Success
            }
        }
    };
    status.into()
}

fn exit_status(result: Result<ExitStatus, CliError>, err: &mut dyn Write) -> ExitStatus {
    match result {
        Ok(status) => status,
        // `| head` has read enough.
        Err(failure) if failure.is_closed_pipe() => ExitStatus::Success,
        Err(failure) => {
            let _ = writeln!(err, "vantage-obs: {failure}");
            ExitStatus::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_in_any_format() {
        for format in ["markdown", "json"] {
            let args = ["vantage-obs", "catalog", "--format", format];
            let arguments = Cli::try_parse_from(args).unwrap_or_else(|error| error.exit());
            let mut err = Vec::new();
            let result = arguments.command.run(&mut Closed, &mut Vec::new());
            assert_eq!(
                exit_status(result, &mut err),
                ExitStatus::Success,
                "{format}"
            );
            assert!(err.is_empty());
        }
    }
}
