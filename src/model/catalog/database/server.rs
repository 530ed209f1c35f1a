//! The figures that a database server reports of itself; only a server that is watched has them.
//!
//! The figures come from PostgreSQL's statistics views, see
//! <https://www.postgresql.org/docs/current/monitoring-stats.html>; a role without `pg_monitor` is
//! not told all of them. Tables and indexes beyond the 50 largest are added up as `_other`, which
//! keeps the number of series bounded and the sums right.

use crate::model::catalog::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

pub(super) const NAMESPACE: Attribute = Attribute::open(
    "db.namespace",
    "the name under which the database is watched or checked",
);
const TABLE: Attribute = Attribute::open(
    "db.collection.name",
    "one of the 50 largest tables, with its schema unless that is `public`; `_other` is all others",
);
const INDEX: Attribute = Attribute::open(
    "index",
    "one of the 50 largest indexes; `_other` is all others",
);

/// Declares a counter that is read from the server: its statistics may be reset there, which
/// readers see as a restart of the counter.
const fn counter(
    name: &'static str,
    annotation: &'static str,
    description: &'static str,
    attributes: &'static [Attribute],
) -> MetricSpec {
    MetricSpec::new(
        MetricFamily::Database,
        name,
        Instrument::ObservableCounter,
        Unit::Count(annotation),
        description,
        attributes,
    )
}

/// Declares a gauge that is read from the server.
const fn gauge(
    name: &'static str,
    unit: Unit,
    description: &'static str,
    attributes: &'static [Attribute],
) -> MetricSpec {
    let instrument = Instrument::ObservableGauge;
    MetricSpec::new(
        MetricFamily::Database,
        name,
        instrument,
        unit,
        description,
        attributes,
    )
}

family! {
    /// Size of the database on disk.
    pub(crate) const SIZE: MetricSpec = gauge(
        "vantage.database.size",
        Unit::Bytes,
        "Size of the database on disk",
        &[NAMESPACE],
    );

    /// Transactions of all clients.
    pub(crate) const TRANSACTIONS: MetricSpec = counter(
        "vantage.database.server.transactions",
        "{transaction}",
        "Transactions of all clients of the database, by outcome, as the server counts them",
        &[
            NAMESPACE,
            Attribute::one_of("outcome", &["committed", "rolled_back"]),
        ],
    );

    /// Deadlocks.
    pub(crate) const DEADLOCKS: MetricSpec = counter(
        "vantage.database.deadlocks",
        "{deadlock}",
        "Deadlocks that the server found and broke",
        &[NAMESPACE],
    );

    /// Blocks that were read.
    pub(crate) const BLOCKS: MetricSpec = counter(
        "vantage.database.block_reads",
        "{block}",
        "Blocks that were read, from the server's own cache or from the system, which may have them cached too",
        &[NAMESPACE, Attribute::one_of("source", &["cache", "disk"])],
    );

    /// Clients of the server.
    pub(crate) const CONNECTIONS: MetricSpec = gauge(
        "vantage.database.server.connection.count",
        Unit::Count("{connection}"),
        "Clients of the whole server by state; unknown are those whose state an ordinary user may not see",
        &[
            NAMESPACE,
            Attribute::one_of(
                "state",
                &[
                    "active",
                    "idle",
                    "idle_in_transaction",
                    "idle_in_transaction_aborted",
                    "unknown",
                ],
            ),
        ],
    );

    /// The maximum number of client connections.
    pub(crate) const CONNECTIONS_MAX: MetricSpec = gauge(
        "vantage.database.server.connection.max",
        Unit::Count("{connection}"),
        "Maximum number of clients of the whole server, without the places reserved for superusers",
        &[NAMESPACE],
    );

    /// Size of tables.
    pub(crate) const TABLE_SIZE: MetricSpec = gauge(
        "vantage.database.table.size",
        Unit::Bytes,
        "Size of a table on disk without its indexes",
        &[TABLE, NAMESPACE],
    );

    /// Scans of tables.
    pub(crate) const TABLE_SCANS: MetricSpec = counter(
        "vantage.database.table.scans",
        "{scan}",
        "Scans of a table, by one of its indexes or of the whole table",
        &[
            Attribute::one_of("access", &["index", "sequential"]),
            TABLE,
            NAMESPACE,
        ],
    );

    /// Size of indexes.
    pub(crate) const INDEX_SIZE: MetricSpec = gauge(
        "vantage.database.index.size",
        Unit::Bytes,
        "Size of an index on disk",
        &[TABLE, NAMESPACE, INDEX],
    );

    /// Scans of indexes.
    pub(crate) const INDEX_SCANS: MetricSpec = counter(
        "vantage.database.index.scans",
        "{scan}",
        "Scans of an index; one that is never scanned may not be needed",
        &[TABLE, NAMESPACE, INDEX],
    );

    /// The share of scans that went by an index.
    pub(crate) const INDEX_USAGE: MetricSpec = gauge(
        "vantage.database.index.usage",
        Unit::Ratio,
        "Share of table scans since the previous sample that used an index; absent if there were none",
        &[NAMESPACE],
    );
}
