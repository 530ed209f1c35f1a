//! `vantage-obs dev`: one live page of the processes on this machine.

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use vantage_obs::config::Endpoint;
use vantage_obs::dev;

use crate::output::{CliError, ExitStatus};

/// Serves one live page of services on this machine: requests, jobs, workers, checks, objectives, traces across
/// all of them, and log lines.
///
/// Each service must run with VANTAGE_OBS_DEV_ENABLED=true. The page is on loopback alone, and asks the services when it is
/// looked at.
///
/// Exit status: 3 it can't be served.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vantage-obs dev --url http://127.0.0.1:8080 --url http://127.0.0.1:9464")]
pub(crate) struct DevArgs {
    /// The base of a service; may be repeated.
    #[arg(
        long = "url",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    urls: Vec<Endpoint>,
    /// The address of the page; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
}

impl DevArgs {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
        let listen = self.listen;
        let print = |address: SocketAddr| {
            writeln!(out, "http://{address}")?;
            out.flush()
        };
        let served = dev::serve_blocking(self.urls, listen, print);
        served.map_err(|error| CliError::Usage(format!("{listen}: {error}")))?;
        Ok(ExitStatus::Success)
    }
}
