use deadpool::managed::{Manager, Object};

use super::error;
use crate::watch::health::{CheckBuilder, CheckHandle, Finding};

impl CheckBuilder {
    /// Registers a check that the pool's server takes a connection: each run opens one beside the pool's and closes it, so
    /// that a pool that is used up is no server that is down. Each run also sets `vantage.database.up` for the namespace of
    /// the pool's name.
    ///
    /// Critical and shared, unless it is told otherwise. It runs until it is removed.
    pub fn deadpool<M, W>(
        self,
        pool: &crate::integrations::deadpool::MeasuredPool<M, W>,
    ) -> CheckHandle
    where
        M: Manager<Error: std::error::Error + Send + Sync> + 'static,
        W: From<Object<M>> + 'static,
    {
        let database = pool.database().clone();
        let pool = pool.pool().clone();
        self.database(&database, move || {
            let pool = pool.clone();
            async move {
                if pool.is_closed() {
                    return Finding::fail("pool_closed");
                }
                match pool.manager().create().await {
                    Ok(mut connection) => {
                        pool.manager().detach(&mut connection);
                        Finding::pass()
                    }
                    Err(error) => Finding::fail(error::backend_error_type(&error))
                        .with_detail(crate::model::causes::with_causes(&error)),
                }
            }
        })
    }
}
