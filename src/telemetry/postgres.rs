//! A PostgreSQL that is watched.

use std::sync::Arc;

use super::{Telemetry, Watch};
use crate::config::{Secret, Tls};
use crate::store::postgres_client::{Address, Latest, PostgresError, Watcher};

impl Telemetry {
    /// Reads the figures of a PostgreSQL database until the answer is dropped: sizes, scans,
    /// transactions, connections and what else [`catalog::database::server`] declares, each 15 to 60
    /// seconds, on a thread of its own.
    ///
    /// An ordinary user will do; what it may not read is left out. While the server does not answer
    /// its figures are gone, and `vantage.database.up` of the namespace `name` is 0.
    ///
    /// ```no_run
    /// # use vantage_obs::config::Secret;
    /// # fn f(telemetry: &vantage_obs::Telemetry) -> Result<(), vantage_obs::PostgresError> {
    /// let url = Secret::new("postgres://watcher:secret@db.internal/app?sslmode=prefer");
    /// let _watch = telemetry.watch_postgres("app", &url)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the URL or its certificates cannot be right, which is a fault of whoever wrote them, or
    /// no thread could be started. A server that is not there is no error.
    ///
    /// [`catalog::database::server`]: crate::model::catalog::database::server
    pub fn watch_postgres(&self, name: &str, url: &Secret) -> Result<Watch, PostgresError> {
        let address = Address::parse(url, &Tls::default())?;
        self.watch_address(name, address)
    }

    /// The same for an address that was understood already.
    pub(crate) fn watch_address(
        &self,
        name: &str,
        address: Address,
    ) -> Result<Watch, PostgresError> {
        let latest = Latest::default();
        let database = self.database("postgresql").of_namespace(name);
        let reader = if self.0.config.config.disabled {
            None
        } else {
            let told = move |up| database.report_up(up);
            Some(Watcher::start(address, Arc::clone(&latest), told)?)
        };
        let read = Arc::new(move || latest.load_full());
        Ok(Watch {
            id: self.0.sampler.watch_database(name, read),
            sampler: self.0.sampler.clone(),
            reader,
        })
    }
}
