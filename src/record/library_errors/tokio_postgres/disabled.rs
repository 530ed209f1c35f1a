//! Without tokio-postgres below deadpool its errors are those of any pool.

use crate::record::error_reasons::ErrorReasons;

pub(super) const fn classify(_: &ErrorReasons) {}
