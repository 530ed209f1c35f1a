//! Connections in a build without encryption.

use super::encryption::{Encryption, Mode};
use super::error::PostgresError;

/// Makes no encrypted connections.
#[derive(Clone)]
pub(super) struct Connector;

impl Connector {
    pub(super) fn new(encryption: &Encryption) -> Result<Self, PostgresError> {
        match encryption.mode {
            Mode::Disable | Mode::Prefer => Ok(Self),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => Err(PostgresError::lasting(
                "no_tls",
                "the URL of PostgreSQL requires encryption, and this build has none: \
                 add the feature `tls` of vantage-obs",
            )),
        }
    }

    #[expect(clippy::unused_self, reason = "as its sibling with encryption")]
    pub(super) const fn make(&self) -> tokio_postgres::NoTls {
        tokio_postgres::NoTls
    }
}
