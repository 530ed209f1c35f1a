//! Database calls, transactions and connection pools, as a client sees them.
//!
//! Names follow <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/>. Query
//! text is never a label: it holds values of users, and has no bound in number.

pub(crate) mod server;

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

const SYSTEM: Attribute = Attribute::open(
    "db.system.name",
    "the database product, such as `postgresql`",
);
const COLLECTION: Attribute = Attribute::open(
    "db.collection.name",
    "the table that the caller names; never query text",
)
.or_absent("no table");
const OPERATION: Attribute = Attribute::open(
    "db.operation.name",
    "the operation that the caller names, such as `SELECT`",
)
.or_absent("no operation");
const POOL: Attribute = Attribute::open(
    "db.client.connection.pool.name",
    "the name under which the pool is watched",
);

/// The labels of one call.
pub(crate) const QUERY: [Attribute; 4] = [
    COLLECTION,
    OPERATION,
    SYSTEM,
    Attribute::open(
        "error.type",
        "the error class that the caller gives; absent on success",
    )
    .or_absent("no error"),
];
// No `error.type`: a slow call counts as slow whatever came of it.
pub(crate) const SLOW: [Attribute; 3] = [COLLECTION, OPERATION, SYSTEM];
/// The labels of one transaction.
pub(crate) const TRANSACTION: [Attribute; 2] = [
    SYSTEM,
    Attribute::one_of("outcome", &["committed", "rolled_back", "aborted"]),
];
/// The namespace is absent where the caller names none.
pub(crate) const BY_DATABASE: [Attribute; 2] = [server::NAMESPACE, SYSTEM];
/// The labels of what happens at a pool, recorded where it happens.
pub(crate) const BY_POOL: [Attribute; 1] = [POOL];

family! {
    /// Duration of a call.
    pub(crate) const OPERATION_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.operation.duration",
        Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
        Unit::Seconds,
        "Duration of database calls as the client sees them",
        &QUERY,
    );

    /// Calls slower than [`SLOW_QUERY`](crate::record::instruments::SLOW_QUERY).
    pub(crate) const SLOW_QUERIES: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "vantage.database.slow_queries",
        Instrument::Counter,
        Unit::Count("{query}"),
        "Database calls that took longer than one second",
        &SLOW,
    );

    /// Transactions that ended.
    pub(crate) const TRANSACTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "vantage.database.transactions",
        Instrument::Counter,
        Unit::Count("{transaction}"),
        "Transactions that ended, by outcome; aborted ones were dropped without a verdict",
        &TRANSACTION,
    );

    /// 1 while the database answers.
    pub(crate) const UP: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "vantage.database.up",
        Instrument::Gauge,
        Unit::Count("{database}"),
        "1 if the database answered the last time it was asked, 0 if it did not",
        &BY_DATABASE,
    );

    /// Connections by state.
    pub(crate) const CONNECTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.connection.count",
        Instrument::ObservableGauge,
        Unit::Count("{connection}"),
        "Connections of a pool, by state",
        &[
            POOL,
            Attribute::one_of("db.client.connection.state", &["idle", "used"]),
        ],
    );

    /// The pool's size.
    pub(crate) const CONNECTIONS_MAX: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.connection.max",
        Instrument::ObservableGauge,
        Unit::Count("{connection}"),
        "Maximum number of connections that a pool may open",
        &[POOL],
    );

    /// Callers that wait for a connection.
    pub(crate) const PENDING_REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.connection.pending_requests",
        Instrument::ObservableGauge,
        Unit::Count("{request}"),
        "Callers that wait for a connection of a pool",
        &[POOL],
    );

    /// Callers that waited in vain.
    pub(crate) const TIMEOUTS: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.connection.timeouts",
        Instrument::Counter,
        Unit::Count("{timeout}"),
        "Callers that gave up waiting for a connection of a pool",
        &BY_POOL,
    );

    /// The time that callers wait.
    pub(crate) const WAIT_TIME: MetricSpec = MetricSpec::new(
        MetricFamily::Database,
        "db.client.connection.wait_time",
        Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
        Unit::Seconds,
        "Time that callers waited for a connection of a pool",
        &BY_POOL,
    );
}
