use sqlx::error::BoxDynError;
use sqlx::{Database, Error, Execute, SqlStr};

use crate::integrations::sql_summary::{Dialect, SqlSummary};
use crate::record::instruments::{self, Query};
use crate::record::library_errors::sqlx::error_type;

/// A query in its parts, so that its text can be read before it runs.
pub(super) struct QueryParts<DB: Database> {
    sql: SqlStr,
    statement: Option<DB::Statement>,
    /// Taken once.
    arguments: Option<Result<Option<DB::Arguments>, BoxDynError>>,
    persistent: bool,
}

impl<DB: Database> QueryParts<DB> {
    pub(super) fn new<'q>(mut query: impl Execute<'q, DB>) -> Self {
        Self {
            statement: query.statement().cloned(),
            arguments: Some(query.take_arguments()),
            persistent: query.persistent(),
            sql: query.sql(),
        }
    }

    /// Starts to measure it.
    pub(super) fn start(&self, database: &instruments::Database) -> Query {
        let dialect = match DB::NAME {
            "MySQL" => Dialect::MySql,
            "PostgreSQL" | "SQLite" => Dialect::Standard,
            // sqlx's `Any` too.
            _ => Dialect::Unknown,
        };
        let SqlSummary { operation, table } = SqlSummary::parse(self.sql.as_str(), dialect);
        database.query(operation, table)
    }
}

impl<DB: Database> Execute<'_, DB> for QueryParts<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.statement.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        self.arguments.take().unwrap_or(Ok(None))
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// Ends a query by what came of it.
pub(super) fn end<T>(query: Query, result: &Result<T, Error>) {
    match result {
        Ok(_) => query.succeed(),
        Err(error) => fail(query, error),
    }
}

/// Ends a query that failed.
pub(super) fn fail(query: Query, error: &Error) {
    let code = error.as_database_error().and_then(|error| error.code());
    if let Some(code) = code {
        query.set_status_code(&code);
    }
    query.fail(error_type(error));
}
