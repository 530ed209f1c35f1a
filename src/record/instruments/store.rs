//! The store's condition, copied when somebody collects.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::model::catalog::store::{COMMITS, DROPPED, OLDEST_PENDING_AGE, PENDING};
use crate::model::snapshot::store::StoreCondition;
use crate::record::series::Instruments;

/// Where the condition is read.
type Read = Arc<dyn Fn() -> StoreCondition + Send + Sync>;

/// Registers the family's instruments.
pub(crate) fn observe_store(
    instruments: &Instruments,
    read: impl Fn() -> StoreCondition + Send + Sync + 'static,
) {
    let read: Read = Arc::new(read);
    pending(instruments, Arc::clone(&read));
    oldest(instruments, Arc::clone(&read));
    commits(instruments, Arc::clone(&read));
    dropped(instruments, read);
}

fn pending(instruments: &Instruments, read: Read) {
    instruments.observe(&PENDING, move |observer| {
        observer.observe(read().pending, &[]);
    });
}

fn oldest(instruments: &Instruments, read: Read) {
    instruments.observe(&OLDEST_PENDING_AGE, move |observer| {
        let oldest = read().oldest_pending.unwrap_or_default();
        observer.observe(oldest.as_secs_f64(), &[]);
    });
}

fn commits(instruments: &Instruments, read: Read) {
    instruments.observe(&COMMITS, move |observer| {
        let told = read();
        for (result, commits) in [("failed", told.failed), ("ok", told.committed)] {
            observer.observe(commits, &[KeyValue::new("result", result)]);
        }
    });
}

fn dropped(instruments: &Instruments, read: Read) {
    instruments.observe(&DROPPED, move |observer| {
        let told = read();
        for (reason, changes) in [
            ("closed", told.late),
            ("overflow", told.overflowed),
            ("refused", told.refused),
        ] {
            observer.observe(changes, &[KeyValue::new("reason", reason)]);
        }
    });
}
