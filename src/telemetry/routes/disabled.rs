//! The server of a build without routes.

use std::io;
use std::time::Duration;

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

    #[expect(clippy::unused_async, reason = "as its sibling with routes")]
    pub(crate) async fn close(&self, _: Duration) {}

    #[expect(clippy::unused_self, reason = "as its sibling with routes")]
    pub(crate) const fn stop(&self) {}
}

impl Telemetry {
    /// Serves nothing, and says so where our own setting asks for it; a shared variable is not meant for us alone.
    #[expect(clippy::unnecessary_wraps, reason = "as its sibling with routes")]
    pub(crate) fn listen(&self) -> io::Result<Listening> {
        let effective = &self.0.config;
        let own = effective.listen_without_shared();
        let own = own.unwrap_or(effective.config.http.listen);
        let warnings = own.map(|address| {
            format!(
                "http.listen: {address} is not served, because this build lacks the feature axum"
            )
        });
        Ok(Listening {
            address: None,
            warnings: warnings.into_iter().collect(),
        })
    }
}
