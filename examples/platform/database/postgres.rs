//! PostgreSQL, over connections that are opened when they are needed and kept while they are whole.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};

use super::{Parameter, Statement, StatementResult};
use crate::PlatformResult;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS vantage_example_posts
    (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     body TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0)";

pub(super) struct PostgresDatabase {
    config: Config,
    idle: Mutex<Vec<Client>>,
}

impl PostgresDatabase {
    pub(super) async fn open(url: &str) -> PlatformResult<Self> {
        let mut config: Config = url.parse()?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        let postgres = Self {
            config,
            idle: Mutex::default(),
        };
        let client = postgres.connect().await?;
        client.batch_execute(SCHEMA).await?;
        postgres.lock().push(client);
        Ok(postgres)
    }

    pub(super) fn idle(&self) -> usize {
        self.lock().len()
    }

    pub(super) async fn run(
        &self,
        statement: &Statement,
        parameter: &Parameter,
    ) -> PlatformResult<u64> {
        let client = match self.take() {
            Some(client) => client,
            None => self.connect().await?,
        };
        let answer = execute(&client, statement, parameter).await;
        // One that broke is let go; the next caller opens another.
        if !client.is_closed() {
            self.lock().push(client);
        }
        Ok(answer?)
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // Its error is every later statement's error as well.
        tokio::spawn(connection);
        Ok(client)
    }

    fn take(&self) -> Option<Client> {
        let mut idle = self.lock();
        idle.retain(|client| !client.is_closed());
        idle.pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn execute(
    client: &Client,
    statement: &Statement,
    parameter: &Parameter,
) -> Result<u64, tokio_postgres::Error> {
    let parameters: &[&(dyn ToSql + Sync)] = match parameter {
        Parameter::None => &[],
        Parameter::Id(id) => &[id],
        Parameter::Text(text) => &[text],
    };
    match statement.result {
        StatementResult::Value => {
            let row = client.query_one(statement.sql, parameters).await?;
            Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
        }
        StatementResult::RowsChanged => client.execute(statement.sql, parameters).await,
    }
}
