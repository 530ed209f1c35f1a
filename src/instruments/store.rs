//! The store's condition, copied when somebody collects.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::catalog::store::{COMMITS, DROPPED, OLDEST_PENDING_AGE, PENDING};
use crate::series::Instruments;
use crate::snapshot::store::StoreCondition;

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
    let gauge = instruments.meter().u64_observable_gauge(PENDING.name);
    gauge
        .with_description(PENDING.description)
        .with_unit(PENDING.unit.ucum())
        .with_callback(move |observer| observer.observe(read().pending, &[]))
        .build();
}

fn oldest(instruments: &Instruments, read: Read) {
    let spec = &OLDEST_PENDING_AGE;
    let gauge = instruments.meter().f64_observable_gauge(spec.name);
    gauge
        .with_description(spec.description)
        .with_unit(spec.unit.ucum())
        .with_callback(move |observer| {
            let oldest = read().oldest_pending.unwrap_or_default();
            observer.observe(oldest.as_secs_f64(), &[]);
        })
        .build();
}

fn commits(instruments: &Instruments, read: Read) {
    let counter = instruments.meter().u64_observable_counter(COMMITS.name);
    counter
        .with_description(COMMITS.description)
        .with_unit(COMMITS.unit.ucum())
        .with_callback(move |observer| {
            let told = read();
            for (result, commits) in [("failed", told.failed), ("ok", told.committed)] {
                observer.observe(commits, &[KeyValue::new("result", result)]);
            }
        })
        .build();
}

fn dropped(instruments: &Instruments, read: Read) {
    let counter = instruments.meter().u64_observable_counter(DROPPED.name);
    counter
        .with_description(DROPPED.description)
        .with_unit(DROPPED.unit.ucum())
        .with_callback(move |observer| {
            let told = read();
            for (reason, changes) in [
                ("closed", told.late),
                ("overflow", told.overflowed),
                ("refused", told.refused),
            ] {
                observer.observe(changes, &[KeyValue::new("reason", reason)]);
            }
        })
        .build();
}
