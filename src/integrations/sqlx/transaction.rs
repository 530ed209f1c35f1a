use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::{Database, Error, SqlSafeStr, SqlStr, Transaction};

use super::connection::{Held, MeasuredConnection};
use super::driver::Driver;
use super::query::end;
use crate::record::instruments;

/// A transaction, or a savepoint in one, whose queries are measured: `execute(&mut *transaction)`.
///
/// Dropped without [`commit`](Self::commit) or [`rollback`](Self::rollback) it is rolled back, and counts as aborted;
/// so does one whose commit has failed. A savepoint is not counted.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct MeasuredTransaction<'c, DB: Database> {
    connection: MeasuredConnection<'c, DB>,
    /// `None` for a savepoint.
    outcome: Option<instruments::Transaction>,
}

impl<DB: Database> MeasuredConnection<'_, DB> {
    /// Begins a transaction, or a savepoint in the one that is open; only a transaction's end is counted.
    ///
    /// # Errors
    ///
    /// As [`sqlx::Connection::begin`].
    pub async fn begin(&mut self) -> Result<MeasuredTransaction<'_, DB>, Error> {
        self.begin_by(None).await
    }

    /// Begins a transaction by a statement such as `BEGIN IMMEDIATE`. In one that is open it fails, as with sqlx:
    /// savepoints have a statement of their own.
    ///
    /// # Errors
    ///
    /// As [`sqlx::Connection::begin_with`].
    pub async fn begin_with(
        &mut self,
        statement: impl SqlSafeStr,
    ) -> Result<MeasuredTransaction<'_, DB>, Error> {
        self.begin_by(Some(statement.into_sql_str())).await
    }

    async fn begin_by(
        &mut self,
        statement: Option<SqlStr>,
    ) -> Result<MeasuredTransaction<'_, DB>, Error> {
        let (database, driver) = (self.database().clone(), self.driver());
        let is_savepoint = sqlx::Connection::is_in_transaction(self.held());
        let operation = if is_savepoint { "SAVEPOINT" } else { "BEGIN" };
        let begin = database.query(operation, "");
        let begun = Transaction::begin(self.held(), statement);
        let begun = begin.trace(begun).await;
        end(begin, &begun);
        let begun = begun?;
        Ok(if is_savepoint {
            MeasuredTransaction::savepoint(begun, &database, driver)
        } else {
            MeasuredTransaction::begun(begun, &database, driver)
        })
    }
}

impl<'c, DB: Database> MeasuredTransaction<'c, DB> {
    pub(super) fn begun(
        transaction: Transaction<'c, DB>,
        database: &instruments::Database,
        driver: &'static dyn Driver<DB>,
    ) -> Self {
        Self {
            outcome: Some(database.transaction()),
            ..Self::savepoint(transaction, database, driver)
        }
    }

    pub(super) fn savepoint(
        transaction: Transaction<'c, DB>,
        database: &instruments::Database,
        driver: &'static dyn Driver<DB>,
    ) -> Self {
        Self {
            connection: MeasuredConnection::of_transaction(transaction, database, driver),
            outcome: None,
        }
    }

    /// Commits the transaction, or releases the savepoint.
    ///
    /// # Errors
    ///
    /// As [`sqlx::Transaction::commit`].
    pub async fn commit(self) -> Result<(), Error> {
        let operation = if self.outcome.is_some() {
            "COMMIT"
        } else {
            "RELEASE"
        };
        let query = self.connection.database().query(operation, "");
        let result = match self.connection.into_held() {
            Held::Transaction(transaction) => query.trace(transaction.commit()).await,
            Held::Pooled(_) => Ok(()),
        };
        end(query, &result);
        if let Some(outcome) = self.outcome.filter(|_| result.is_ok()) {
            outcome.commit();
        }
        result
    }

    /// Rolls the transaction back, or what was done since the savepoint.
    ///
    /// # Errors
    ///
    /// As [`sqlx::Transaction::rollback`].
    pub async fn rollback(self) -> Result<(), Error> {
        let query = self.connection.database().query("ROLLBACK", "");
        let result = match self.connection.into_held() {
            Held::Transaction(transaction) => query.trace(transaction.rollback()).await,
            Held::Pooled(_) => Ok(()),
        };
        end(query, &result);
        if let Some(outcome) = self.outcome.filter(|_| result.is_ok()) {
            outcome.roll_back();
        }
        result
    }
}

impl<'c, DB: Database> Deref for MeasuredTransaction<'c, DB> {
    type Target = MeasuredConnection<'c, DB>;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for MeasuredTransaction<'_, DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: Database> fmt::Debug for MeasuredTransaction<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredTransaction")
            .finish_non_exhaustive()
    }
}
