//! Queries that run as they do on sqlx's own pool and connections.

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, Describe, Error, Execute, Executor, SqlStr};

use super::connection::MeasuredConnection;
use super::driver::Step;
use super::pool::MeasuredPool;
use super::query::{QueryParts, end, fail};
use super::rows::{MeasuredRows, RowStream};

impl<'p, DB: Database> Executor<'p> for &'_ MeasuredPool<DB> {
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
                    let rows = pool.driver().fetch_many(&mut connection, parts);
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
                Ok(mut connection) => {
                    let row = pool.driver().fetch_optional(&mut connection, parts);
                    query.trace(row).await
                }
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
                Ok(mut connection) => {
                    let statement = pool.driver().prepare_with(&mut connection, sql, parameters);
                    query.trace(statement).await
                }
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
        let pool = self.clone();
        Box::pin(async move {
            let mut connection = pool.pool().acquire().await?;
            pool.driver().describe(&mut connection, sql).await
        })
    }
}

impl<'t, DB: Database> Executor<'t> for &'t mut MeasuredConnection<'_, DB> {
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let parts = QueryParts::new(query);
        Box::pin(RowStream::new(|output| async move {
            let query = parts.start(self.database());
            let rows = self.driver().fetch_many(self.as_mut(), parts);
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
            let row = self.driver().fetch_optional(self.as_mut(), parts);
            let result = query.trace(row).await;
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
            let statement = self.driver().prepare_with(self.as_mut(), sql, parameters);
            let result = query.trace(statement).await;
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
        self.driver().describe(self.as_mut(), sql)
    }
}
