//! Queries that run as they do on sqlx's own pool and connections.

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, Describe, Either, Error, Execute, Executor, SqlStr};

use super::connection::MeasuredConnection;
use super::pool::MeasuredPool;
use super::query::{QueryParts, end, fail};
use super::rows::{MeasuredRows, RowStream};

/// A row, or the end of one of several statements.
type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

impl<'p, DB: Database> Executor<'p> for &'_ MeasuredPool<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let (pool, parts) = (self.clone(), QueryParts::new(query));
        Box::pin(RowStream::new(|output| async move {
            let mut query = parts.start(pool.database());
            match pool.connect(&mut query).await {
                Ok(mut connection) => {
                    let rows = connection.fetch_many(parts);
                    MeasuredRows::new(rows, query).forward(&output).await
                }
                Err(error) => {
                    fail(query, &error);
                    Err(error)
                }
            }
        }))
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let (pool, parts) = (self.clone(), QueryParts::new(query));
        Box::pin(async move {
            let mut query = parts.start(pool.database());
            let result = match pool.connect(&mut query).await {
                Ok(mut connection) => query.trace(connection.fetch_optional(parts)).await,
                Err(error) => Err(error),
            };
            end(query, &result);
            result
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut query = pool.database().query("PREPARE", "");
            let result = match pool.connect(&mut query).await {
                Ok(mut connection) => query.trace(connection.prepare_with(sql, parameters)).await,
                Err(error) => Err(error),
            };
            end(query, &result);
            result
        })
    }

    // For sqlx's macros, while they compile.
    #[doc(hidden)]
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'p: 'e,
    {
        self.pool().describe(sql)
    }
}

impl<'t, DB: Database> Executor<'t> for &'t mut MeasuredConnection<'_, DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let parts = QueryParts::new(query);
        Box::pin(RowStream::new(|output| async move {
            let query = parts.start(self.database());
            let rows = self.as_mut().fetch_many(parts);
            MeasuredRows::new(rows, query).forward(&output).await
        }))
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let parts = QueryParts::new(query);
        Box::pin(async move {
            let query = parts.start(self.database());
            let result = query.trace(self.as_mut().fetch_optional(parts)).await;
            end(query, &result);
            result
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        't: 'e,
    {
        Box::pin(async move {
            let query = self.database().query("PREPARE", "");
            let result = query
                .trace(self.as_mut().prepare_with(sql, parameters))
                .await;
            end(query, &result);
            result
        })
    }

    // For sqlx's macros, while they compile.
    #[doc(hidden)]
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        't: 'e,
    {
        self.as_mut().describe(sql)
    }
}
