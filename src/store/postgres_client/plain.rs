//! The connector of a build without encryption.

use super::encryption::{Encryption, EncryptionMode};
use super::error::PostgresError;

/// The connector of unencrypted connections.
#[derive(Clone)]
pub(super) struct PostgresConnector;

impl PostgresConnector {
    pub(super) fn new(encryption: &Encryption) -> Result<Self, PostgresError> {
        match encryption.mode {
            EncryptionMode::Disable | EncryptionMode::Prefer => Ok(Self),
            EncryptionMode::Require | EncryptionMode::VerifyCa | EncryptionMode::VerifyFull => {
                Err(PostgresError::permanent(
                    "no_tls",
                    "the URL of PostgreSQL requires encryption, and this build has none: \
                 add the feature `tls` of vantage-obs",
                ))
            }
        }
    }

    #[expect(clippy::unused_self, reason = "as its sibling with encryption")]
    pub(super) const fn tls_connector(&self) -> tokio_postgres::NoTls {
        tokio_postgres::NoTls
    }
}
