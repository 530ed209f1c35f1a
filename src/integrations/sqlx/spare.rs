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
        // First without the pool, which tries a server that refuses again for as long as a caller of the service may
        // wait, and then says no more than that the time is over.
        let options = pool.connect_options();
        let mut plain = <DB::Connection as Connection>::connect_with(&options).await?;
        plain.ping().await?;
        let _ = plain.close().await;
        let mut own = Self(Spare::Own(connect(pool).await?));
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

/// Opens a connection beside the pool's as the pool makes them: what it does after it has connected, such as a
/// `SET search_path`, decides which tables a query finds. It alone can do that, and so is made once more, for one
/// connection.
async fn connect<DB: Database>(pool: &Pool<DB>) -> Result<DB::Connection, Error> {
    let options = pool.options().clone().max_connections(1);
    // Without these it starts no task that would keep connections.
    let options = options.min_connections(0).idle_timeout(None);
    let options = options.max_lifetime(None);
    let spare = options.connect_lazy_with((*pool.connect_options()).clone());
    Ok(spare.acquire().await?.detach())
}

impl<DB: Database> Drop for SpareConnection<DB> {
    fn drop(&mut self) {
        if let Spare::Idle(connection) = std::mem::replace(&mut self.0, Spare::Gone) {
            drop(connection.detach());
        }
    }
}
