//! The connector of a build without encryption.

use super::encryption::{Encryption, EncryptionMode};
use super::error::PostgresError;

/// The connector of unencrypted connections.
pub(super) type PostgresConnector = tokio_postgres::NoTls;

/// Returns the connector; fails where the URL requires encryption.
pub(super) fn connector(encryption: &Encryption) -> Result<PostgresConnector, PostgresError> {
    match encryption.mode {
        EncryptionMode::Disable | EncryptionMode::Prefer => Ok(tokio_postgres::NoTls),
        EncryptionMode::Require | EncryptionMode::VerifyCa | EncryptionMode::VerifyFull => {
            Err(PostgresError::permanent(
                "no_tls",
                "the URL of PostgreSQL requires encryption, and this build has none: \
                 add the feature `tls` of vantage-obs",
            ))
        }
    }
}
