//! The store's status, copied on collection.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::model::catalog::store::{COMMITS, DROPPED, OLDEST_PENDING_AGE, PENDING};
use crate::model::snapshot::store::StoreStatus;
use crate::record::series::Instruments;

/// Registers the family's instruments, which read the store's status.
pub(crate) fn observe_store(
    instruments: &Instruments,
    read: impl Fn() -> StoreStatus + Send + Sync + 'static,
) {
    let read = Arc::new(read);
    instruments.observe_from(&PENDING, &read, |read, observer| {
        observer.observe(read().pending, &[]);
    });
    instruments.observe_from(&OLDEST_PENDING_AGE, &read, |read, observer| {
        // 0 and not absent: "nothing waits" is what the alert wants to see.
        let oldest = read().oldest_pending.unwrap_or_default();
        observer.observe(oldest.as_secs_f64(), &[]);
    });
    instruments.observe_from(&COMMITS, &read, |read, observer| {
        let status = read();
        for (result, commits) in [("failed", status.failed), ("ok", status.committed)] {
            observer.observe(commits, &[KeyValue::new("result", result)]);
        }
    });
    instruments.observe_from(&DROPPED, &read, |read, observer| {
        let status = read();
        for (reason, changes) in [
            ("closed", status.after_close),
            ("overflow", status.overflowed),
            ("refused", status.refused),
        ] {
            observer.observe(changes, &[KeyValue::new("reason", reason)]);
        }
    });
}
