//! The server of a build without routes.

use std::io;

use crate::telemetry::Telemetry;
use crate::telemetry::listening::Listening;
use crate::telemetry::recording::Recording;

/// No server.
#[derive(Debug)]
pub(crate) struct Server;

impl Server {
    pub(in crate::telemetry) const fn new(_: &Recording) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as its sibling with routes")]
    pub(crate) const fn is_serving(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "as its sibling with routes")]
    pub(crate) const fn stop(&self) {}
}

impl Telemetry {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as its sibling with routes"
    )]
    pub(crate) fn listen(&self) -> io::Result<Listening> {
        Ok(Listening::default())
    }
}
