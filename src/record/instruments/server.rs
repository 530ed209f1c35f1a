//! Metrics of database servers: copied from the latest snapshot, as all that is observed.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::MetricSpec;
use crate::model::catalog::database::server::{
    BLOCKS, CONNECTIONS, CONNECTIONS_MAX, DEADLOCKS, INDEX_SCANS, INDEX_SIZE, INDEX_USAGE, SIZE,
    TABLE_SCANS, TABLE_SIZE, TRANSACTIONS,
};
use crate::model::snapshot::LatestSnapshot;
use crate::model::snapshot::database::{
    DatabaseFigures, IndexFigures, RelationFigures, TableFigures,
};
use crate::record::series::Instruments;

/// Observes one database; the namespace is to stand in its labels.
type ObserveDatabase<T> = fn(&DatabaseFigures, &KeyValue, &dyn AsyncInstrument<T>);

/// Registers every instrument that a watched server has.
pub(crate) fn observe_databases(instruments: &Instruments, latest: &LatestSnapshot) {
    for (spec, read) in GAUGES.iter().chain(COUNTERS) {
        instruments.observe(spec, observe_each(latest, *read));
    }
    instruments.observe(&INDEX_USAGE, observe_each(latest, index_usage));
}

const GAUGES: &[(&MetricSpec, ObserveDatabase<u64>)] = &[
    (&SIZE, size),
    (&CONNECTIONS, connections),
    (&CONNECTIONS_MAX, connections_max),
    (&TABLE_SIZE, table_size),
    (&INDEX_SIZE, index_size),
];

const COUNTERS: &[(&MetricSpec, ObserveDatabase<u64>)] = &[
    (&TRANSACTIONS, transactions),
    (&DEADLOCKS, deadlocks),
    (&BLOCKS, blocks),
    (&TABLE_SCANS, table_scans),
    (&INDEX_SCANS, index_scans),
];

fn observe_each<T: 'static>(
    latest: &LatestSnapshot,
    read: ObserveDatabase<T>,
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
    let latest = latest.clone();
    move |observer| {
        for (name, database) in &latest.read().databases {
            let namespace = KeyValue::new("db.namespace", name.clone());
            read(database, &namespace, observer);
        }
    }
}

fn size(database: &DatabaseFigures, namespace: &KeyValue, observer: &dyn AsyncInstrument<u64>) {
    if let Some(bytes) = database.size_bytes {
        observer.observe(bytes, std::slice::from_ref(namespace));
    }
}

fn connections(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    for (state, count) in database.connections.iter().flat_map(|all| &all.by_state) {
        observer.observe(*count, &[namespace.clone(), KeyValue::new("state", *state)]);
    }
}

fn connections_max(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    if let Some(connections) = &database.connections {
        observer.observe(connections.max, std::slice::from_ref(namespace));
    }
}

fn transactions(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    let activity = &database.activity;
    for (outcome, count) in [
        ("committed", activity.committed),
        ("rolled_back", activity.rolled_back),
    ] {
        observer.observe(
            count,
            &[namespace.clone(), KeyValue::new("outcome", outcome)],
        );
    }
}

fn deadlocks(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    observer.observe(database.activity.deadlocks, std::slice::from_ref(namespace));
}

fn blocks(database: &DatabaseFigures, namespace: &KeyValue, observer: &dyn AsyncInstrument<u64>) {
    let activity = &database.activity;
    for (source, count) in [
        ("cache", activity.blocks_from_cache),
        ("disk", activity.blocks_from_disk),
    ] {
        observer.observe(count, &[namespace.clone(), KeyValue::new("source", source)]);
    }
}

fn relations(database: &DatabaseFigures) -> (&[TableFigures], &[IndexFigures]) {
    let relations = database.relations.as_ref();
    relations.map_or(
        (&[], &[]),
        |RelationFigures {
             tables, indexes, ..
         }| (tables, indexes),
    )
}

fn collection_label(table: &str) -> KeyValue {
    KeyValue::new("db.collection.name", table.to_owned())
}

fn table_size(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    for table in relations(database).0 {
        observer.observe(
            table.bytes,
            &[collection_label(&table.name), namespace.clone()],
        );
    }
}

fn table_scans(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    for table in relations(database).0 {
        for (access, scans) in [
            ("index", table.index_scans),
            ("sequential", table.sequential_scans),
        ] {
            let access = KeyValue::new("access", access);
            observer.observe(
                scans,
                &[access, collection_label(&table.name), namespace.clone()],
            );
        }
    }
}

fn index_labels(index: &IndexFigures, namespace: &KeyValue) -> [KeyValue; 3] {
    let name = KeyValue::new("index", index.name.clone());
    [collection_label(&index.table), namespace.clone(), name]
}

fn index_size(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    for index in relations(database).1 {
        observer.observe(index.bytes, &index_labels(index, namespace));
    }
}

fn index_scans(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<u64>,
) {
    for index in relations(database).1 {
        observer.observe(index.scans, &index_labels(index, namespace));
    }
}

fn index_usage(
    database: &DatabaseFigures,
    namespace: &KeyValue,
    observer: &dyn AsyncInstrument<f64>,
) {
    let relations = database.relations.as_ref();
    if let Some(share) = relations.and_then(|relations| relations.index_usage) {
        observer.observe(share, std::slice::from_ref(namespace));
    }
}
