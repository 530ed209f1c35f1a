//! The store that the configuration asks for.

use std::io;
use std::sync::Arc;

use super::{InitError, identity, postgres};
use crate::background::Supervisor;
use crate::config::{Config, StoreKind};
use crate::record::business_totals::BusinessTotals;
use crate::record::clock::Clock;
use crate::record::instruments::observe_store;
use crate::record::series::Instruments;
use crate::store::{MemoryStore, Store, StoreWriter, WriterSettings, open_file};
use crate::watch::health::{CheckBuilder, HealthWatcher};
use crate::watch::heartbeat::HeartbeatReceiver;
use crate::watch::slo::SloStore;

/// Opens the store and its writer. Without a `thread`, nothing outlives the process, and the caller ticks
/// the writer.
pub(super) fn open_writer(
    config: &Config,
    clock: &Clock,
    instruments: &Instruments,
    supervisor: &Supervisor,
    thread: bool,
) -> Result<StoreWriter, InitError> {
    let settings = WriterSettings {
        clock: clock.clone(),
        // The same name as that of the slices below: rows of one process carry one instance.
        instance: identity::instance(&config.service).into(),
        retention: config.store.retention,
    };
    let store_writer = if thread {
        let store = open(config, supervisor).map_err(InitError::Store)?;
        StoreWriter::start(store, settings, supervisor)?
    } else {
        StoreWriter::without_thread(Arc::new(MemoryStore::default()), settings)?
    };
    let told = store_writer.clone();
    observe_store(instruments, move || told.status());
    Ok(store_writer)
}

/// Kinds that this build lacks have been refused by the configuration.
fn open(config: &Config, supervisor: &Supervisor) -> io::Result<Arc<dyn Store>> {
    match config.store.kind {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::default())),
        StoreKind::File => open_file(config.store.path.clone().unwrap_or_default(), supervisor),
        StoreKind::Postgres => postgres::open_store(config),
    }
}

/// Watches a store that can fail.
pub(super) fn check(
    config: &Config,
    health: &HealthWatcher,
    store_writer: &StoreWriter,
    receiver: &Arc<HeartbeatReceiver>,
) {
    // Memory cannot fail, and a check that always passes only takes room on the page.
    if config.disabled || config.store.kind == StoreKind::Memory {
        return;
    }
    let (store_writer, receiver) = (store_writer.clone(), Arc::clone(receiver));
    let check = CheckBuilder::new(health, "store", Arc::new(|| None));
    let check = if store_writer.is_shared() {
        // A shared database that is away is away for the whole fleet; taking instances out of
        // rotation would not mend it.
        check.shared()
    } else {
        check.local()
    };
    check.store(
        move || store_writer.status(),
        move || receiver.store_lost_since(),
    );
}

/// Returns the store of the slices of objectives; `None` where nothing outlives the process.
pub(super) fn slices(config: &Config, store_writer: &StoreWriter) -> Option<SloStore> {
    // A store in memory ends with the counts that it would restore.
    let outlives = config.store.kind != StoreKind::Memory;
    outlives.then(|| SloStore {
        store_writer: store_writer.clone(),
        instance: identity::instance(&config.service).into(),
    })
}

/// Returns the totals by day, which are kept where other processes can ask the store.
pub(super) fn business_totals(config: &Config) -> BusinessTotals {
    match keeps_business_totals(config) {
        true => BusinessTotals::enabled(),
        false => BusinessTotals::default(),
    }
}

/// Returns whether totals by day are kept: only a database can be asked by others.
pub(super) fn keeps_business_totals(config: &Config) -> bool {
    !config.disabled && config.store.kind == StoreKind::Postgres
}
