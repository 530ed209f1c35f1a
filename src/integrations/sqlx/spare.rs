use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Error, Pool};

/// A connection for the telemetry's own questions, which never wait for those of the service: an idle one of the pool
/// that has answered, or one of its own. Where all are in use, or a restart of the server has broken the idle ones, a wait
/// for one of them would say nothing about the database.
///
/// It goes back only by [`give_back`](Self::give_back). One that hangs is closed when it is dropped: the pool would keep
/// it for as long as its peer is silent, and the next question would take a further one.
pub(super) struct SpareConnection<DB: Database>(Spare<DB>);

enum Spare<DB: Database> {
    Idle(PoolConnection<DB>),
    Own(DB::Connection),
    /// It went back, or away.
    Gone,
}

impl<DB: Database> SpareConnection<DB> {
    /// Takes one that answers.
    pub(super) async fn take(pool: &Pool<DB>) -> Result<Self, Error> {
        if pool.is_closed() {
            return Err(Error::PoolClosed);
        }
        if let Some(idle) = pool.try_acquire() {
            let mut idle = Self(Spare::Idle(idle));
            if idle.ping().await.is_ok() {
                return Ok(idle);
            }
        }
        let options = pool.connect_options();
        let connection = <DB::Connection as Connection>::connect_with(&options).await?;
        let mut own = Self(Spare::Own(connection));
        own.ping().await?;
        Ok(own)
    }

    async fn ping(&mut self) -> Result<(), Error> {
        match self.connection() {
            Some(connection) => connection.ping().await,
            None => Ok(()),
        }
    }

    /// The connection, until it went back.
    pub(super) fn connection(&mut self) -> Option<&mut DB::Connection> {
        match &mut self.0 {
            Spare::Idle(connection) => Some(connection),
            Spare::Own(connection) => Some(connection),
            Spare::Gone => None,
        }
    }

    /// Gives one back that has answered, to the pool if it is the pool's.
    pub(super) async fn give_back(mut self) {
        match std::mem::replace(&mut self.0, Spare::Gone) {
            Spare::Own(connection) => {
                // It has answered, so that nothing depends on how it parts.
                let _ = connection.close().await;
            }
            Spare::Idle(connection) => drop(connection),
            Spare::Gone => {}
        }
    }
}

impl<DB: Database> Drop for SpareConnection<DB> {
    fn drop(&mut self) {
        if let Spare::Idle(connection) = std::mem::replace(&mut self.0, Spare::Gone) {
            drop(connection.detach());
        }
    }
}
