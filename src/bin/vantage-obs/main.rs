//! The `vantage-obs` command: what an operator asks without a running service.
//!
//! Each verb is a module with its arguments and a `run`, which writes results to the given output
//! and answers with the exit status.

mod alerts;
mod catalog;
mod config;
mod doctor;
mod generate;
mod output;
mod slo;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Failure, Status};

/// Telemetry of a Rust service: its configuration and its metrics.
#[derive(Debug, Parser)]
#[command(name = "vantage-obs", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is read once"
)]
enum Verb {
    /// Judges and shows configuration.
    #[command(subcommand)]
    Config(config::Verb),
    /// Judges objectives, and works out error budgets.
    #[command(subcommand)]
    Slo(slo::Verb),
    /// Tells what has been raised.
    #[command(subcommand)]
    Alerts(alerts::Verb),
    // Its arguments say what it does.
    Doctor(doctor::Arguments),
    /// Prints every metric that can be emitted.
    Catalog(catalog::Arguments),
    // Its arguments say what it does.
    Generate(generate::Arguments),
}

impl Verb {
    fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        match self {
            Self::Config(verb) => verb.run(out, err),
            Self::Slo(verb) => verb.run(out, err),
            Self::Alerts(verb) => verb.run(out, err),
            Self::Doctor(arguments) => arguments.run(out),
            Self::Catalog(arguments) => arguments.run(out),
            Self::Generate(arguments) => arguments.run(out, err),
        }
    }
}

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let status = match Arguments::try_parse() {
        Ok(arguments) => finish(arguments.verb.run(&mut out, &mut err), &mut err),
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
                Status::Failed
            } else {
                Status::Fine
            }
        }
    };
    status.into()
}

fn finish(result: Result<Status, Failure>, err: &mut dyn Write) -> Status {
    match result {
        Ok(status) => status,
        // `| head` has read enough.
        Err(failure) if failure.is_closed_pipe() => Status::Fine,
        Err(failure) => {
            let _ = writeln!(err, "vantage-obs: {failure}");
            Status::Failed
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
    fn a_reader_who_has_read_enough_is_no_failure_in_any_format() {
        for format in ["markdown", "json"] {
            let words = ["vantage-obs", "catalog", "--format", format];
            let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| error.exit());
            let mut err = Vec::new();
            let ended = arguments.verb.run(&mut Closed, &mut Vec::new());
            assert_eq!(finish(ended, &mut err), Status::Fine, "{format}");
            assert!(err.is_empty());
        }
    }
}
