//! The words for errors of the libraries that a leaf feature is for: known from the start, and not from the first handle
//! of an integration on, so that a job's reason doesn't depend on what was made before it.

#[cfg(feature = "reqwest")]
#[path = "library_errors/reqwest/enabled.rs"]
pub(crate) mod reqwest;
#[cfg(not(feature = "reqwest"))]
#[path = "library_errors/reqwest/disabled.rs"]
mod reqwest;

#[cfg(feature = "sqlx")]
mod sql_codes;

#[cfg(any(feature = "sqlx", all(feature = "deadpool", feature = "postgres")))]
mod sql_state;

#[cfg(feature = "sqlx")]
#[path = "library_errors/sqlx/enabled.rs"]
pub(crate) mod sqlx;
#[cfg(not(feature = "sqlx"))]
#[path = "library_errors/sqlx/disabled.rs"]
mod sqlx;

#[cfg(all(feature = "deadpool", feature = "postgres"))]
#[path = "library_errors/tokio_postgres/enabled.rs"]
pub(crate) mod tokio_postgres;
#[cfg(not(all(feature = "deadpool", feature = "postgres")))]
#[path = "library_errors/tokio_postgres/disabled.rs"]
mod tokio_postgres;

use crate::record::error_reasons::ErrorReasons;

/// Returns the words, to which the service adds its own.
pub(crate) fn error_reasons() -> ErrorReasons {
    let reasons = ErrorReasons::default();
    reqwest::classify(&reasons);
    sqlx::classify(&reasons);
    // Not those of deadpool's pools, each of which has a type of its own: the handle of the pool adds its.
    tokio_postgres::classify(&reasons);
    reasons
}
