//! Without tokio-postgres its errors are those of any pool.

use std::error::Error;

pub(super) const fn error_type(_: &(dyn Error + 'static)) -> Option<&'static str> {
    None
}
