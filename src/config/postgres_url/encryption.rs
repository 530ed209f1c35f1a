//! The encryption that a PostgreSQL URL asks for.
//!
//! | `sslmode` | encrypted | authority | host's name |
//! |---|---|---|---|
//! | `disable` | no | – | – |
//! | `allow`, `prefer` | if the server can | not verified | not verified |
//! | `require` | yes | verified if one is named | not verified |
//! | `verify-ca` | yes | verified | not verified |
//! | `verify-full` | yes | verified | verified |
//!
//! As libpq has it, <https://www.postgresql.org/docs/current/libpq-ssl.html>: a URL that works with
//! `psql` must mean the same here. `sslrootcert=system` verifies the name too.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::SslMode;

use super::{Parameter, PostgresUrlError};
use crate::config::tls::TlsConfig;

/// The mode that the parameter `sslmode` sets, with the names and the meaning of PostgreSQL's own
/// clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EncryptionMode {
    Disable,
    /// Encrypted where the server can; whose certificate it is does not matter.
    #[default]
    Prefer,
    /// Encrypted; the certificate is verified where an authority is named.
    Require,
    /// Encrypted, with a certificate that an authority signed for any host.
    VerifyCa,
    /// Encrypted, with a certificate that an authority signed for this host.
    VerifyFull,
}

/// The parameters of a URL that the client does not read itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encryption {
    pub(crate) mode: EncryptionMode,
    /// The files that the URL names.
    pub(crate) tls: TlsConfig,
    /// `sslrootcert=system`: the system's authorities, by name.
    pub(crate) system_roots: bool,
}

impl EncryptionMode {
    /// `None` for a word that libpq doesn't know.
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            // `allow` tries without encryption first; encrypting where possible is never worse.
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// Returns the parameter's value.
    #[cfg(feature = "cli")]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Returns true if no connection may be without encryption.
    pub(crate) const fn requires_encryption(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }

    pub(super) const fn to_client(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

impl Encryption {
    /// Reads the parameters of encryption; the others are returned as they stand in the URL.
    pub(super) fn from_parameters(
        parameters: &[Parameter<'_>],
    ) -> Result<(Self, Vec<String>), PostgresUrlError> {
        let mut encryption = Self::default();
        let mut rest = Vec::new();
        for (key, value) in parameters {
            if !encryption.set_parameter(key, value)? {
                rest.push(format!("{key}={value}"));
            }
        }
        Ok((encryption, rest))
    }

    /// Sets a parameter; returns `false` for one of another kind.
    fn set_parameter(&mut self, key: &str, value: &str) -> Result<bool, PostgresUrlError> {
        let text = || percent_decode_str(value).decode_utf8_lossy().into_owned();
        let path = || Some(PathBuf::from(text()));
        match key {
            "sslmode" => {
                self.mode = EncryptionMode::parse(value).ok_or_else(|| PostgresUrlError {
                    problem: "has an unknown sslmode".into(),
                    allowed: "sslmode=disable, allow, prefer, require, verify-ca or verify-full"
                        .into(),
                })?;
            }
            "sslrootcert" if value == "system" => (self.system_roots, self.tls.ca) = (true, None),
            "sslrootcert" => self.tls.ca = path(),
            "sslcert" => self.tls.client_certificate = path(),
            "sslkey" => self.tls.client_key = path(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sslmode_are_those_of_postgresqls_own_clients() {
        for (word, mode) in [
            ("disable", EncryptionMode::Disable),
            ("allow", EncryptionMode::Prefer),
            ("prefer", EncryptionMode::Prefer),
            ("require", EncryptionMode::Require),
            ("verify-ca", EncryptionMode::VerifyCa),
            ("verify-full", EncryptionMode::VerifyFull),
        ] {
            let parameters = [
                ("application_name", "a"),
                ("sslmode", word),
                ("sslrootcert", "%2Fca"),
            ];
            let (encryption, rest) = Encryption::from_parameters(&parameters).unwrap();
            assert_eq!(rest, ["application_name=a"]);
            assert_eq!(encryption.mode, mode);
            assert_eq!(encryption.tls.ca, Some("/ca".into()));
        }
    }
}
