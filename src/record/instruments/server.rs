//! Metrics of database servers: copied from the latest snapshot, as all that is observed.
//!
//! Tables of functions instead of code for each metric: a metric that is declared and not observed
//! would show as a missing row here.

use std::slice::from_ref;

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::MetricSpec;
use crate::model::catalog::database::server::{
    BLOCKS, CONNECTIONS, CONNECTIONS_MAX, DEADLOCKS, INDEX_SCANS, INDEX_SIZE, INDEX_USAGE, SIZE,
    TABLE_SCANS, TABLE_SIZE, TRANSACTIONS,
};
use crate::model::snapshot::LatestSnapshot;
use crate::model::snapshot::database::{DatabaseFigures, IndexFigures, TableFigures};
use crate::record::series::{Instruments, ObservableNumber};

/// Observes one database; the namespace is to stand in its labels.
// A label of one database is made once for all its series.
type ObserveDatabase<T> = fn(&DatabaseFigures, &KeyValue, &dyn AsyncInstrument<T>);

/// The gauges and counters that a watched server has.
const INTEGERS: &[(&MetricSpec, ObserveDatabase<u64>)] = &[
    (&SIZE, |database, namespace, observer| {
        if let Some(bytes) = database.size_bytes {
            observer.observe(bytes, from_ref(namespace));
        }
    }),
    (&CONNECTIONS, |database, namespace, observer| {
        for (state, count) in database.connections.iter().flat_map(|all| &all.by_state) {
            observer.observe(*count, &[namespace.clone(), KeyValue::new("state", *state)]);
        }
    }),
    (&CONNECTIONS_MAX, |database, namespace, observer| {
        if let Some(connections) = &database.connections {
            observer.observe(connections.max, from_ref(namespace));
        }
    }),
    (&TABLE_SIZE, |database, namespace, observer| {
        for table in relations(database).0 {
            let collection = collection_label(&table.name);
            observer.observe(table.bytes, &[collection, namespace.clone()]);
        }
    }),
    (&INDEX_SIZE, |database, namespace, observer| {
        for index in relations(database).1 {
            observer.observe(index.bytes, &index_labels(index, namespace));
        }
    }),
    (&TRANSACTIONS, |database, namespace, observer| {
        let activity = &database.activity;
        for (outcome, count) in [
            ("committed", activity.committed),
            ("rolled_back", activity.rolled_back),
        ] {
            let outcome = KeyValue::new("outcome", outcome);
            observer.observe(count, &[namespace.clone(), outcome]);
        }
    }),
    (&DEADLOCKS, |database, namespace, observer| {
        observer.observe(database.activity.deadlocks, from_ref(namespace));
    }),
    (&BLOCKS, |database, namespace, observer| {
        let activity = &database.activity;
        for (source, count) in [
            ("cache", activity.blocks_from_cache),
            ("disk", activity.blocks_from_disk),
        ] {
            observer.observe(count, &[namespace.clone(), KeyValue::new("source", source)]);
        }
    }),
    (&TABLE_SCANS, |database, namespace, observer| {
        for table in relations(database).0 {
            for (access, scans) in [
                ("index", table.index_scans),
                ("sequential", table.sequential_scans),
            ] {
                let (access, collection) = (
                    KeyValue::new("access", access),
                    collection_label(&table.name),
                );
                observer.observe(scans, &[access, collection, namespace.clone()]);
            }
        }
    }),
    (&INDEX_SCANS, |database, namespace, observer| {
        for index in relations(database).1 {
            observer.observe(index.scans, &index_labels(index, namespace));
        }
    }),
];

const FLOATS: &[(&MetricSpec, ObserveDatabase<f64>)] =
    &[(&INDEX_USAGE, |database, namespace, observer| {
        let relations = database.relations.as_ref();
        if let Some(share) = relations.and_then(|relations| relations.index_usage) {
            observer.observe(share, from_ref(namespace));
        }
    })];

/// Registers every instrument that a watched server has.
pub(crate) fn observe_databases(instruments: &Instruments, latest: &LatestSnapshot) {
    observe_each(instruments, latest, INTEGERS);
    observe_each(instruments, latest, FLOATS);
}

/// Registers the metrics of one number type.
fn observe_each<T: ObservableNumber>(
    instruments: &Instruments,
    latest: &LatestSnapshot,
    metrics: &[(&'static MetricSpec, ObserveDatabase<T>)],
) {
    for (spec, observe) in metrics.iter().copied() {
        instruments.observe_from(spec, latest, move |latest, observer| {
            for (name, database) in &latest.read().databases {
                let namespace = KeyValue::new("db.namespace", name.clone());
                observe(database, &namespace, observer);
            }
        });
    }
}

/// Returns tables and indexes; empty where the server doesn't report them.
fn relations(database: &DatabaseFigures) -> (&[TableFigures], &[IndexFigures]) {
    match &database.relations {
        Some(relations) => (&relations.tables, &relations.indexes),
        None => (&[], &[]),
    }
}

fn collection_label(table: &str) -> KeyValue {
    KeyValue::new("db.collection.name", table.to_owned())
}

fn index_labels(index: &IndexFigures, namespace: &KeyValue) -> [KeyValue; 3] {
    let name = KeyValue::new("index", index.name.clone());
    [collection_label(&index.table), namespace.clone(), name]
}
