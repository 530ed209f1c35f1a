use std::fmt;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, Describe, Either, Error, Executor, SqlStr};

use super::query::QueryParts;

/// A row, or the end of one of several statements.
pub(super) type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// The way in which a database runs queries on a connection.
///
/// Why not its `Executor`? The handles would be executors if `&mut DB::Connection` is one, which the compiler looks for
/// among all executors, these handles included, without an end: generic code of a service would no longer compile, as
/// sqlx says of its own connections.
pub(super) trait Driver<DB: Database>: fmt::Debug + Send + Sync {
    fn fetch_many<'e>(
        &self,
        connection: &'e mut DB::Connection,
        query: QueryParts<DB>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>>;

    fn fetch_optional<'e>(
        &self,
        connection: &'e mut DB::Connection,
        query: QueryParts<DB>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>;

    fn prepare_with<'e>(
        &self,
        connection: &'e mut DB::Connection,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>;

    fn describe<'e>(
        &self,
        connection: &'e mut DB::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>>;
}

/// The driver that sqlx has for the database.
#[derive(Debug)]
pub(super) struct OwnDriver;

impl<DB: Database> Driver<DB> for OwnDriver
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn fetch_many<'e>(
        &self,
        connection: &'e mut DB::Connection,
        query: QueryParts<DB>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>> {
        connection.fetch_many(query)
    }

    fn fetch_optional<'e>(
        &self,
        connection: &'e mut DB::Connection,
        query: QueryParts<DB>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>> {
        connection.fetch_optional(query)
    }

    fn prepare_with<'e>(
        &self,
        connection: &'e mut DB::Connection,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>> {
        connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(
        &self,
        connection: &'e mut DB::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>> {
        connection.describe(sql)
    }
}
