//! The store of the configuration.

#[cfg(feature = "file-store")]
mod file;
#[cfg(not(feature = "file-store"))]
#[path = "store/file_disabled.rs"]
mod file;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(not(feature = "postgres"))]
#[path = "store/postgres_disabled.rs"]
mod postgres;

use std::sync::Arc;
use std::time::Instant;

use super::step::DiagnosisStep;
use crate::config::{EffectiveConfig, StoreKind};

/// Returns the name of the store for people; `None` where nothing outlives the process.
pub(super) fn subject(effective: &EffectiveConfig) -> Option<String> {
    let store = &effective.config.store;
    match store.kind {
        StoreKind::Memory => None,
        StoreKind::File => {
            let path = store.path.clone().unwrap_or_default();
            Some(format!("store: file {}", path.display()))
        }
        StoreKind::Postgres => Some("store: PostgreSQL".into()),
    }
}

/// Checks the store.
pub(super) fn steps(effective: &Arc<EffectiveConfig>, deadline: Instant) -> Vec<DiagnosisStep> {
    match effective.config.store.kind {
        StoreKind::Memory => Vec::new(),
        StoreKind::File => file::steps(effective),
        StoreKind::Postgres => postgres::steps(effective, deadline),
    }
}

/// Returns the step about a store that ends with the process.
pub(super) fn memory_step(effective: &EffectiveConfig) -> Option<DiagnosisStep> {
    let is_memory = effective.config.store.kind == StoreKind::Memory;
    let finding = "memory (store.kind): heartbeats, incidents and the history of objectives end with the process";
    is_memory.then(|| DiagnosisStep::skipped("store", finding))
}
