//! The connector of a build without encryption, in which a URL that requires it is refused.

use super::error::PostgresError;
use crate::config::postgres_url::Encryption;

/// The connector of unencrypted connections.
pub(super) type PostgresConnector = tokio_postgres::NoTls;

/// Returns the connector.
#[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
pub(super) const fn connector(_: &Encryption) -> Result<PostgresConnector, PostgresError> {
    Ok(tokio_postgres::NoTls)
}
