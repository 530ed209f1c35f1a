//! The errors of tokio-postgres.

pub(super) use crate::record::library_errors::tokio_postgres::error_type;
