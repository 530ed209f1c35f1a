use std::time::Duration;

use crate::config::Secret;
use crate::store::postgres_client::{PostgresAddress, PostgresError, PostgresPool, with_timeout};
use crate::watch::health::finding::Finding;

/// A PostgreSQL server that is pinged over one connection.
#[derive(Clone, Debug)]
pub(in crate::watch::health) struct PostgresProbe(PostgresPool);

impl PostgresProbe {
    /// Parses the URL; the error is the finding of every run.
    pub(in crate::watch::health) fn new(url: &Secret) -> Result<Self, Finding> {
        PostgresAddress::parse(url)
            // One connection: a check must not compete with the service for the server's places.
            .map(|address| Self(PostgresPool::new(address, 1)))
            .map_err(|error| finding_from_error(&error))
    }

    /// Pings the server within `limit`: its own deadline, so that it says by itself what it waited for.
    pub(in crate::watch::health) async fn ping(&self, limit: Duration) -> Finding {
        with_timeout(limit, self.0.ping())
            .await
            .map_or_else(|error| finding_from_error(&error), |()| Finding::pass())
    }
}

fn finding_from_error(error: &PostgresError) -> Finding {
    Finding::fail(error.code()).with_detail(error.with_causes())
}
