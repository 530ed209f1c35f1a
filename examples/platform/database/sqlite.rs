//! The embedded database: a file that goes with the process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ToSql};

use super::{CONNECTIONS, Parameter, Statement, StatementResult};
use crate::PlatformResult;

const SCHEMA: &str =
    "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS vantage_example_posts
        (id INTEGER PRIMARY KEY, body TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0)";

pub(super) struct SqliteDatabase {
    file: Arc<DatabaseFile>,
    #[expect(dead_code, reason = "the folder is removed when this is dropped")]
    folder: tempfile::TempDir,
}

struct DatabaseFile {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteDatabase {
    pub(super) fn open() -> PlatformResult<Self> {
        let folder = tempfile::tempdir()?;
        let file = DatabaseFile {
            path: folder.path().join("platform.db"),
            idle: Mutex::default(),
        };
        let opened = (0..CONNECTIONS).map(|_| file.connect());
        *file.idle() = opened.collect::<Result<_, _>>()?;
        Ok(Self {
            file: Arc::new(file),
            folder,
        })
    }

    pub(super) fn idle(&self) -> usize {
        self.file.idle().len()
    }

    pub(super) async fn run(
        &self,
        statement: &Statement,
        parameter: Parameter,
    ) -> PlatformResult<u64> {
        let file = Arc::clone(&self.file);
        let (sql, answer) = (statement.sql, statement.result);
        let answer = tokio::task::spawn_blocking(move || file.run(sql, &parameter, answer));
        Ok(answer.await??)
    }
}

impl DatabaseFile {
    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    }

    fn run(
        &self,
        sql: &str,
        parameter: &Parameter,
        answer: StatementResult,
    ) -> rusqlite::Result<u64> {
        // A caller that went away leaves its statement running on its connection.
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        let answer = execute(&connection, sql, parameter, answer);
        let mut idle = self.idle();
        if idle.len() < CONNECTIONS {
            idle.push(connection);
        }
        answer
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn execute(
    connection: &Connection,
    sql: &str,
    parameter: &Parameter,
    answer: StatementResult,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare(sql)?;
    let parameters: &[&dyn ToSql] = match parameter {
        Parameter::None => &[],
        Parameter::Id(id) => &[id],
        Parameter::Text(text) => &[text],
    };
    match answer {
        StatementResult::Value => statement.query_row(parameters, |row| {
            row.get::<_, i64>(0).map(i64::unsigned_abs)
        }),
        StatementResult::RowsChanged => statement.execute(parameters).map(|rows| rows as u64),
    }
}
