use sqlx::Error;
use sqlx::error::{DatabaseError, ErrorKind};

use crate::integrations::pool::AcquireError;
use crate::integrations::sql_state;

/// Returns the class of an error, out of a closed list.
pub(super) fn error_type(error: &Error) -> &'static str {
    match error {
        Error::PoolTimedOut => "pool_timed_out",
        Error::PoolClosed => "pool_closed",
        Error::Database(error) => database_error_type(&**error),
        Error::Io(_) => "io",
        Error::Tls(_) => "tls",
        Error::Protocol(_) => "protocol",
        Error::Configuration(_) => "configuration",
        Error::RowNotFound => "row_not_found",
        Error::Encode(_) | Error::InvalidArgument(_) => "encode",
        Error::ColumnDecode { .. } | Error::Decode(_) => "decode",
        Error::TypeNotFound { .. }
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnNotFound(_) => "schema_mismatch",
        Error::WorkerCrashed => "worker_crashed",
        Error::BeginFailed | Error::InvalidSavePointStatement => "begin_failed",
        // The conventions' value for what has no name.
        _ => "_OTHER",
    }
}

fn database_error_type(error: &dyn DatabaseError) -> &'static str {
    // Also where the product has codes of its own, as SQLite and MySQL do.
    match error.kind() {
        ErrorKind::UniqueViolation => "unique_violation",
        ErrorKind::ForeignKeyViolation => "foreign_key_violation",
        ErrorKind::NotNullViolation => "not_null_violation",
        ErrorKind::CheckViolation => "check_violation",
        ErrorKind::ExclusionViolation => "exclusion_violation",
        _ => error
            .code()
            .map_or(sql_state::OTHER_DATABASE_ERROR, |code| {
                sql_state::error_type(&code)
            }),
    }
}

impl AcquireError for Error {
    fn error_type(&self) -> &'static str {
        error_type(self)
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::PoolTimedOut)
    }
}
