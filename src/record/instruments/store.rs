//! The store's status, copied on collection.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::model::catalog::store::{COMMITS, DROPPED, OLDEST_PENDING_AGE, PENDING};
use crate::model::snapshot::store::StoreStatus;
use crate::record::series::Instruments;

/// Reads the store's status.
type ReadCondition = Arc<dyn Fn() -> StoreStatus + Send + Sync>;

/// Registers the family's instruments.
pub(crate) fn observe_store(
    instruments: &Instruments,
    read: impl Fn() -> StoreStatus + Send + Sync + 'static,
) {
    let read: ReadCondition = Arc::new(read);
    pending(instruments, Arc::clone(&read));
    oldest(instruments, Arc::clone(&read));
    commits(instruments, Arc::clone(&read));
    dropped(instruments, read);
}

fn pending(instruments: &Instruments, read: ReadCondition) {
    instruments.observe(&PENDING, move |observer| {
        observer.observe(read().pending, &[]);
    });
}

fn oldest(instruments: &Instruments, read: ReadCondition) {
    instruments.observe(&OLDEST_PENDING_AGE, move |observer| {
        let oldest = read().oldest_pending.unwrap_or_default();
        observer.observe(oldest.as_secs_f64(), &[]);
    });
}

fn commits(instruments: &Instruments, read: ReadCondition) {
    instruments.observe(&COMMITS, move |observer| {
        let condition = read();
        for (result, commits) in [("failed", condition.failed), ("ok", condition.committed)] {
            observer.observe(commits, &[KeyValue::new("result", result)]);
        }
    });
}

fn dropped(instruments: &Instruments, read: ReadCondition) {
    instruments.observe(&DROPPED, move |observer| {
        let condition = read();
        for (reason, changes) in [
            ("closed", condition.after_close),
            ("overflow", condition.overflowed),
            ("refused", condition.refused),
        ] {
            observer.observe(changes, &[KeyValue::new("reason", reason)]);
        }
    });
}
