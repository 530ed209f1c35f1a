//! A code is public and stable; it goes into health checks and metrics. The message is plain words.
//! The words of the server or the system are the source, and private.

use std::error::Error;
use std::io;

use tokio_postgres::error::SqlState;

use crate::config::postgres_url::PostgresUrlError;
use crate::model::causes::{causes, debug_as_text, with_causes};

/// An error of PostgreSQL: it could not be reached, or did not do what it was asked for.
///
/// The text never holds the URL; what the server said is the source.
#[derive(thiserror::Error)]
#[error("{message}")]
pub struct PostgresError {
    message: String,
    code: &'static str,
    /// `true` if waiting may help.
    transient: bool,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}
debug_as_text!(PostgresError);

impl PostgresError {
    /// Creates an error that a retry does not cure.
    pub(super) fn permanent(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(message.into(), code, false)
    }

    /// The deadline was ours; the server may still be at it.
    pub(super) fn timeout(within: std::time::Duration) -> Self {
        let message = format!("PostgreSQL did not answer within {within:?}");
        Self::new(message, "timeout", true)
    }

    #[cfg(feature = "cli")]
    pub(super) fn no_row() -> Self {
        Self::permanent("error", "PostgreSQL answered without a row")
    }

    /// The query of a queue is one that returns another number of rows.
    pub(super) fn wrong_result(rows: usize) -> Self {
        Self::permanent(
            "wrong_result",
            format!("the query returned {rows} rows instead of one"),
        )
    }

    /// A connection needs a task that reads it.
    pub(super) fn no_runtime() -> Self {
        Self::permanent("no_runtime", "PostgreSQL was called outside a runtime")
    }

    fn new(message: String, code: &'static str, transient: bool) -> Self {
        Self {
            message,
            code,
            transient,
            source: None,
        }
    }

    /// Returns true if a retry may succeed: an outage, and not a fault of the request.
    pub(crate) const fn is_transient(&self) -> bool {
        self.transient
    }

    /// Returns the error's code, which may be public.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns true if the connection is gone, and not only this call.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.code, "closed" | "reset" | "io_error" | "restarting")
    }

    /// Returns true if the server itself reported it, and is reachable.
    pub(super) fn is_server_response(&self) -> bool {
        let source = self.source.as_ref();
        let source = source.and_then(|source| source.downcast_ref::<tokio_postgres::Error>());
        source.is_some_and(|error| error.code().is_some()) && !self.is_closed()
    }

    /// Returns true if a transaction conflicted with another one, and this one was aborted.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == "conflict"
    }

    /// Returns true if a table of the migrations is missing.
    pub(crate) fn is_missing_table(&self) -> bool {
        self.code == "no_table"
    }

    /// Returns the text and its causes in one line.
    pub(crate) fn with_causes(&self) -> String {
        with_causes(self).replace('\n', ", ")
    }
}

impl From<PostgresUrlError> for PostgresError {
    fn from(error: PostgresUrlError) -> Self {
        Self::permanent("bad_url", error.to_string())
    }
}

impl From<io::Error> for PostgresError {
    fn from(error: io::Error) -> Self {
        Self {
            source: Some(error.into()),
            ..Self::permanent("no_thread", "no thread could be started for PostgreSQL")
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let (code, message, transient) = classify(&error);
        Self {
            source: Some(error.into()),
            ..Self::new(message.into(), code, transient)
        }
    }
}

/// The code, the message, and true for a transient error.
// A tuple, because classes are rows of a table below.
type ErrorClass = (&'static str, &'static str, bool);

const CLOSED: ErrorClass = ("closed", "PostgreSQL closed the connection", true);
const AUTH_FAILED: ErrorClass = ("auth_failed", "PostgreSQL refused the login", true);
const OTHER: ErrorClass = ("error", "PostgreSQL reported an error", true);

/// Classifies an error of the driver: by SQLSTATE where the server sent one, else by what the
/// system said.
fn classify(error: &tokio_postgres::Error) -> ErrorClass {
    if let Some(state) = error.code() {
        return classify_sqlstate(state);
    }
    if error.is_closed() {
        return CLOSED;
    }
    // The client has no other way to tell; what went wrong in a handshake comes as an I/O error too.
    if error.to_string().contains("TLS") {
        return (
            "tls_failed",
            "no encrypted connection to PostgreSQL could be made",
            true,
        );
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => {
            ("refused", "PostgreSQL refused the connection", true)
        }
        Some(io::ErrorKind::TimedOut) => ("timeout", "PostgreSQL did not answer in time", true),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => (
            "unreachable",
            "PostgreSQL cannot be reached over the network",
            true,
        ),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            ("reset", "the connection to PostgreSQL broke", true)
        }
        Some(io::ErrorKind::UnexpectedEof) => CLOSED,
        Some(_) => ("io_error", "the connection to PostgreSQL failed", true),
        None if error.to_string().contains("authentication") => AUTH_FAILED,
        None => OTHER,
    }
}

/// Returns the same by SQLSTATE. A fault of the request is permanent; the others an operator can mend while we
/// wait, such as a password, a missing right or a full disk.
fn classify_sqlstate(state: &SqlState) -> ErrorClass {
    let code = state.code();
    match code {
        "40001" | "40P01" => (
            "conflict",
            "a transaction conflicted with another one",
            true,
        ),
        "42P01" | "3F000" => ("no_table", "a table does not exist", true),
        "42501" => (
            "not_permitted",
            "PostgreSQL does not permit the operation",
            true,
        ),
        "3D000" => ("no_database", "the database does not exist", true),
        // SQLSTATE codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
        "53300" => (
            "too_many_connections",
            "PostgreSQL has no free connections",
            true,
        ),
        "55P03" | "57014" => ("timeout", "PostgreSQL did not finish in time", true),
        "25006" => ("read_only", "PostgreSQL is read-only", true),
        _ => match &code[..2.min(code.len())] {
            // Transient: a password is rotated, and until both sides have it the store waits and
            // keeps everything.
            "28" => AUTH_FAILED,
            "57" => ("restarting", "PostgreSQL is stopping or starting", true),
            "08" => CLOSED,
            // Data, constraints, syntax: the same request will never succeed.
            "22" | "23" | "42" => (
                "refused_by_server",
                "PostgreSQL refused the statement",
                false,
            ),
            _ => OTHER,
        },
    }
}

fn io_kind(error: &tokio_postgres::Error) -> Option<io::ErrorKind> {
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    io.map(io::Error::kind)
}
