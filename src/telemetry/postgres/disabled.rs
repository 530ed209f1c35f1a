//! A build without PostgreSQL.

use std::io;
use std::sync::Arc;

use crate::config::Config;
use crate::model::snapshot::LatestSnapshot;
use crate::record::series::Instruments;
use crate::store::{MemoryStore, Store};
use crate::telemetry::{InitError, Telemetry};
use crate::watch::health::CheckBuilder;

impl Telemetry {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as its sibling with PostgreSQL"
    )]
    pub(crate) const fn watch_store(&self) -> Result<(), InitError> {
        Ok(())
    }
}

/// The configuration has refused a store in PostgreSQL already.
#[expect(clippy::unnecessary_wraps, reason = "as its sibling with PostgreSQL")]
pub(crate) fn open_store(_: &Config) -> io::Result<Arc<dyn Store>> {
    Ok(Arc::new(MemoryStore::default()))
}

pub(crate) const fn observe(_: &Instruments, _: &LatestSnapshot) {}

pub(crate) const fn with_database(check: CheckBuilder, _: &Telemetry, _: &str) -> CheckBuilder {
    check
}
