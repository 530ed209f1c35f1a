use std::error::Error;
use std::fmt::Write as _;
use std::io;

use tokio_postgres::error::SqlState;

/// Why PostgreSQL could not be reached, or did not do what it was asked for.
///
/// The text never holds the URL; what the server said is the source.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct PostgresError {
    what: String,
    code: &'static str,
    passing: bool,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What a URL of PostgreSQL looks like.
const URL: &str = "postgres://user:password@host:port/database?sslmode=…";

impl PostgresError {
    /// A fault that trying again does not mend.
    pub(super) fn lasting(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(what.into(), code, false)
    }

    pub(super) fn bad_url(reason: &str) -> Self {
        Self::lasting(
            "bad_url",
            format!("the URL of PostgreSQL {reason}; allowed: {URL}"),
        )
    }

    pub(super) fn timeout(within: std::time::Duration) -> Self {
        let what = format!("PostgreSQL did not answer within {within:?}");
        Self::new(what, "timeout", true)
    }

    pub(super) fn no_runtime() -> Self {
        Self::lasting("no_runtime", "PostgreSQL is asked outside a runtime")
    }

    fn new(what: String, code: &'static str, passing: bool) -> Self {
        Self {
            what,
            code,
            passing,
            cause: None,
        }
    }

    /// Whether the same may work later: an outage, and not a fault of what was asked.
    pub(crate) const fn is_passing(&self) -> bool {
        self.passing
    }

    /// A word for it that may be public.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the connection is gone, and not only this call.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.code, "closed" | "reset" | "io_error" | "restarting")
    }

    /// Whether the server itself said so, and is there.
    pub(super) fn is_answer(&self) -> bool {
        let cause = self.cause.as_ref();
        let cause = cause.and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
        cause.is_some_and(|error| error.code().is_some()) && !self.is_closed()
    }

    /// Whether two transactions waited for each other, and this one gave way.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == "conflict"
    }

    /// Whether what the migrations make is not there.
    pub(crate) fn is_unprepared(&self) -> bool {
        self.code == "no_table"
    }

    /// The text and its causes in one line.
    pub(crate) fn told(&self) -> String {
        let mut text = self.what.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            let _ = write!(text, ": {cause}");
            next = cause.source();
        }
        text.replace('\n', ", ")
    }
}

impl From<io::Error> for PostgresError {
    fn from(error: io::Error) -> Self {
        Self {
            cause: Some(error.into()),
            ..Self::lasting("no_thread", "no thread could be started for PostgreSQL")
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let (code, what, passing) = judged(&error);
        Self {
            what: what.into(),
            code,
            passing,
            cause: Some(error.into()),
        }
    }
}

/// A code, what it means, and whether it passes.
fn judged(error: &tokio_postgres::Error) -> (&'static str, &'static str, bool) {
    if let Some(state) = error.code() {
        return of_state(state);
    }
    if error.is_closed() {
        return ("closed", "PostgreSQL closed the connection", true);
    }
    // The client has no other way to tell; what went wrong in a handshake comes as an I/O error too.
    if error.to_string().contains("TLS") {
        return ("tls_failed", "no encrypted connection to PostgreSQL", true);
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => ("refused", "PostgreSQL is not there", true),
        Some(io::ErrorKind::TimedOut) => ("timeout", "PostgreSQL did not answer in time", true),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            ("unreachable", "there is no way to PostgreSQL", true)
        }
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            ("reset", "the connection to PostgreSQL broke", true)
        }
        Some(io::ErrorKind::UnexpectedEof) => ("closed", "PostgreSQL closed the connection", true),
        Some(_) => ("io_error", "the connection to PostgreSQL failed", true),
        None if error.to_string().contains("authentication") => {
            ("auth_failed", "PostgreSQL did not let us in", true)
        }
        None => ("error", "PostgreSQL could not do it", true),
    }
}

/// Those do not pass that are a fault of what was asked; the others an operator can mend while we
/// wait, such as a password, a missing right or a full disk.
fn of_state(state: &SqlState) -> (&'static str, &'static str, bool) {
    let shown = state.code();
    match shown {
        "40001" | "40P01" => ("conflict", "two transactions waited for each other", true),
        "42P01" | "3F000" => ("no_table", "a table is not there", true),
        "42501" => ("not_permitted", "PostgreSQL does not permit it", true),
        "3D000" => ("no_database", "the database is not there", true),
        "53300" => ("too_many_connections", "PostgreSQL is full", true),
        "55P03" | "57014" => ("timeout", "PostgreSQL did not do it in time", true),
        "25006" => ("read_only", "PostgreSQL takes no writes", true),
        _ => match &shown[..2.min(shown.len())] {
            "28" => ("auth_failed", "PostgreSQL did not let us in", true),
            "57" => ("restarting", "PostgreSQL is stopping or starting", true),
            "08" => ("closed", "PostgreSQL closed the connection", true),
            "22" | "23" | "42" => ("refused_by_server", "PostgreSQL refused it", false),
            _ => ("error", "PostgreSQL could not do it", true),
        },
    }
}

fn io_kind(error: &tokio_postgres::Error) -> Option<io::ErrorKind> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = cause.source();
    }
    None
}
