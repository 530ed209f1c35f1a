use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Transaction};

use super::driver::Driver;
use crate::record::instruments;

/// A connection whose queries are measured: `&mut *connection` runs them, of a pool's as of a transaction's.
pub struct MeasuredConnection<'c, DB: Database> {
    held: Held<'c, DB>,
    database: instruments::Database,
    driver: &'static dyn Driver<DB>,
}

/// A connection that goes back to its pool when it is dropped, and whose queries are measured:
/// `execute(&mut *connection)`.
pub struct MeasuredPoolConnection<DB: Database>(MeasuredConnection<'static, DB>);

/// The owner of a connection.
pub(super) enum Held<'c, DB: Database> {
    Pooled(PoolConnection<DB>),
    Transaction(Transaction<'c, DB>),
}

impl<'c, DB: Database> MeasuredConnection<'c, DB> {
    pub(super) fn of_transaction(
        transaction: Transaction<'c, DB>,
        database: &instruments::Database,
        driver: &'static dyn Driver<DB>,
    ) -> Self {
        Self {
            held: Held::Transaction(transaction),
            database: database.clone(),
            driver,
        }
    }

    /// The connection itself, on which nothing is measured.
    pub(super) fn held(&mut self) -> &mut DB::Connection {
        &mut self.held
    }

    pub(super) const fn database(&self) -> &instruments::Database {
        &self.database
    }

    pub(super) const fn driver(&self) -> &'static dyn Driver<DB> {
        self.driver
    }

    pub(super) fn into_held(self) -> Held<'c, DB> {
        self.held
    }
}

impl<DB: Database> MeasuredPoolConnection<DB> {
    pub(super) fn new(
        connection: PoolConnection<DB>,
        database: &instruments::Database,
        driver: &'static dyn Driver<DB>,
    ) -> Self {
        Self(MeasuredConnection {
            held: Held::Pooled(connection),
            database: database.clone(),
            driver,
        })
    }
}

impl<DB: Database> Deref for MeasuredPoolConnection<DB> {
    type Target = MeasuredConnection<'static, DB>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<DB: Database> DerefMut for MeasuredPoolConnection<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<DB: Database> fmt::Debug for MeasuredPoolConnection<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredPoolConnection")
            .finish_non_exhaustive()
    }
}

/// The connection itself, on which nothing is measured.
impl<DB: Database> AsMut<DB::Connection> for MeasuredConnection<'_, DB> {
    fn as_mut(&mut self) -> &mut DB::Connection {
        self.held()
    }
}

impl<DB: Database> Deref for Held<'_, DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl<DB: Database> DerefMut for Held<'_, DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl<DB: Database> fmt::Debug for MeasuredConnection<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredConnection").finish_non_exhaustive()
    }
}
