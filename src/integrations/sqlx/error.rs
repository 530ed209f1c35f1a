use sqlx::Error;

use crate::integrations::pool::AcquireError;
use crate::record::library_errors::sqlx::error_type;

impl AcquireError for Error {
    fn error_type(&self) -> &'static str {
        error_type(self)
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::PoolTimedOut)
    }
}
