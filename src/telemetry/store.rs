//! The store that the configuration asks for.

use std::io;
use std::sync::Arc;
#[cfg(feature = "postgres")]
use std::time::Duration;

use super::InitError;
use crate::config::{Config, Service, StoreKind};
use crate::record::business_totals::Books;
use crate::record::clock::Clock;
use crate::record::instruments::observe_store;
use crate::record::series::Instruments;
use crate::store::{Keeper, Memory, Settings, Store};
use crate::watch::health::{CheckBuilder, Health};
use crate::watch::slo::Kept;

/// What one call of a PostgreSQL may take; the keeper gives up a little later.
#[cfg(feature = "postgres")]
const WITHIN: Duration = Duration::from_secs(4);

/// Opens the store and what keeps in it. Without a `thread`, nothing outlives the process, and the
/// keeper is moved by hand.
pub(super) fn keeper(
    config: &Config,
    clock: &Clock,
    instruments: &Instruments,
    thread: bool,
) -> Result<Keeper, InitError> {
    let settings = Settings {
        clock: clock.clone(),
        instance: instance(&config.service).into(),
        retention: config.store.retention,
    };
    let keeper = if thread {
        Keeper::start(open(config).map_err(InitError::Store)?, settings)?
    } else {
        Keeper::idle(Arc::new(Memory::default()), settings)?
    };
    let told = keeper.clone();
    observe_store(instruments, move || told.condition());
    Ok(keeper)
}

/// Kinds that this build lacks have been refused by the configuration.
fn open(config: &Config) -> io::Result<Arc<dyn Store>> {
    match config.store.kind {
        #[cfg(feature = "file-store")]
        StoreKind::File => {
            let path = config.store.path.clone().unwrap_or_default();
            Ok(Arc::new(crate::store::File::open(path)?))
        }
        #[cfg(feature = "postgres")]
        StoreKind::Postgres => Ok(Arc::new(crate::store::Postgres::new(
            address(config)?,
            WITHIN,
            config.store.pool_size,
        ))),
        _ => Ok(Arc::new(Memory::default())),
    }
}

/// Where the database of the store is.
#[cfg(feature = "postgres")]
pub(super) fn address(config: &Config) -> io::Result<crate::store::postgres_client::Address> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "store.url is missing");
    let url = config.store.url.as_ref().ok_or_else(none)?;
    crate::store::postgres_client::Address::parse(url, &crate::config::Tls::default())
        .map_err(io::Error::other)
}

/// Watches a store that can fail.
pub(super) fn check(config: &Config, health: &Health, keeper: &Keeper) {
    if config.disabled || config.store.kind == StoreKind::Memory {
        return;
    }
    let keeper = keeper.clone();
    let check = CheckBuilder::new(health, "store", Arc::new(|| None));
    let check = if keeper.is_shared() {
        check.shared()
    } else {
        check.local()
    };
    check.store(move || keeper.condition());
}

/// Where objectives keep their slices: nowhere, where nothing outlives the process.
pub(super) fn slices(config: &Config, keeper: &Keeper) -> Option<Kept> {
    let outlives = config.store.kind != StoreKind::Memory;
    outlives.then(|| Kept {
        keeper: keeper.clone(),
        instance: instance(&config.service).into(),
    })
}

/// The books, which are kept where others can ask the store.
pub(super) fn books(config: &Config) -> Books {
    match are_booked(config) {
        true => Books::open(),
        false => Books::default(),
    }
}

pub(super) fn are_booked(config: &Config) -> bool {
    !config.disabled && config.store.kind == StoreKind::Postgres
}

pub(super) fn instance(service: &Service) -> String {
    let id = service.instance_id.as_deref();
    id.map_or_else(|| service.name.clone(), str::to_owned)
}
