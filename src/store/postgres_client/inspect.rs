//! A look at a server for a diagnosis: what the connection is, and what its user may do. Nothing is written.

use std::time::Duration;

use super::address::PostgresAddress;
use super::error::PostgresError;
use super::migrate::is_usable;
use super::pool::{PooledTransaction, PostgresPool, TransactionLimits, with_timeout};

/// The facts that a server states about a connection.
#[derive(Debug)]
pub(crate) struct ServerInspection {
    pub(crate) version: String,
    pub(crate) database: String,
    pub(crate) user: String,
    /// `None` where the server doesn't tell.
    pub(crate) is_encrypted: Option<bool>,
    /// The server is a standby, or takes no writes by its settings.
    pub(crate) is_read_only: bool,
    /// The user may create a schema in the database.
    pub(crate) may_create: bool,
    pub(crate) schema: SchemaInspection,
}

/// The state of the schema `vantage_obs`.
#[derive(Debug)]
pub(crate) enum SchemaInspection {
    /// It isn't there, or has no tables yet.
    Missing,
    /// It is there, and the user lacks these rights on its tables.
    Present { missing_rights: Vec<String> },
    /// It is of another release, or the user may not look into it.
    Unusable(PostgresError),
}

const CONNECTION: &str = "
SELECT current_setting('server_version'), current_database()::text, current_user::text,
    (SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()),
    pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
    has_database_privilege(current_database(), 'CREATE')";

/// The rights that the store needs and the user lacks, without those on the table of versions, which is only
/// read.
const MISSING_RIGHTS: &str = "
SELECT DISTINCT needed.privilege
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS needed (privilege)
WHERE namespace.nspname = 'vantage_obs' AND class.relkind IN ('r', 'p')
    AND class.relname <> 'migrations'
    AND NOT has_table_privilege(class.oid, needed.privilege)
ORDER BY 1";

/// Connects and looks, within a time limit.
pub(crate) async fn inspect(
    address: PostgresAddress,
    limit: Duration,
) -> Result<ServerInspection, PostgresError> {
    let limits = TransactionLimits {
        mode: "",
        statement: limit,
        lock: limit,
    };
    with_timeout(limit, async {
        let pool = PostgresPool::new(address, 1);
        let mut transaction = pool.begin(limits).await?;
        let rows = transaction.query(CONNECTION, &[]).await?;
        let row = rows.first().ok_or_else(PostgresError::no_row)?;
        Ok(ServerInspection {
            version: row.try_get(0)?,
            database: row.try_get(1)?,
            user: row.try_get(2)?,
            is_encrypted: row.try_get(3)?,
            is_read_only: row.try_get(4)?,
            may_create: row.try_get(5)?,
            schema: inspect_schema(&mut transaction).await?,
        })
    })
    .await
}

async fn inspect_schema(
    transaction: &mut PooledTransaction,
) -> Result<SchemaInspection, PostgresError> {
    match is_usable(transaction).await {
        Ok(false) => Ok(SchemaInspection::Missing),
        Ok(true) => {
            let rows = transaction.query(MISSING_RIGHTS, &[]).await?;
            let rights = rows.iter().map(|row| row.try_get(0));
            let missing_rights = rights.collect::<Result<_, _>>()?;
            Ok(SchemaInspection::Present { missing_rights })
        }
        Err(error) if error.is_closed() => Err(error),
        Err(error) => Ok(SchemaInspection::Unusable(error)),
    }
}
