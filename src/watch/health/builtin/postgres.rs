use std::time::Duration;

use crate::config::{Secret, Tls};
use crate::store::postgres_client::{Address, Pool, PostgresError, within};
use crate::watch::health::finding::Finding;

/// A server that is asked again and again over one connection.
#[derive(Clone, Debug)]
pub(in crate::watch::health) struct Postgres(Pool);

impl Postgres {
    /// A URL that cannot be right is found each time.
    pub(in crate::watch::health) fn new(url: &Secret) -> Result<Self, Finding> {
        Address::parse(url, &Tls::default())
            .map(|address| Self(Pool::new(address, 1)))
            .map_err(|error| found(&error))
    }

    /// Whether it answers; its own deadline, so that it says by itself what it waited for.
    pub(in crate::watch::health) async fn ping(&self, limit: Duration) -> Finding {
        within(limit, self.0.ping())
            .await
            .map_or_else(|error| found(&error), |()| Finding::pass())
    }
}

fn found(error: &PostgresError) -> Finding {
    Finding::fail(error.code()).with_detail(error.told())
}
