//! The encryption that a PostgreSQL URL asks for.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::SslMode;

use super::error::PostgresError;
use crate::config::TlsConfig;

/// The mode that the parameter `sslmode` sets, with the names and the meaning of PostgreSQL's own
/// clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EncryptionMode {
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
#[derive(Debug, Default)]
pub(super) struct Encryption {
    pub(super) mode: EncryptionMode,
    pub(super) tls: TlsConfig,
    /// `sslrootcert=system`: the system's authorities, by name.
    pub(super) system_roots: bool,
}

impl EncryptionMode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    pub(super) const fn to_client(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// Splits a URL into the part that the client knows and the encryption parameters.
pub(super) fn split_parameters(
    url: &str,
    tls: &TlsConfig,
) -> Result<(String, Encryption), PostgresError> {
    let mut encryption = Encryption {
        tls: tls.clone(),
        ..Encryption::default()
    };
    // The client takes all before the first `@` for user and password, whatever is in it.
    let host = url.find('@').unwrap_or_default();
    let query_start = url[host..].find('?').map(|query_start| host + query_start);
    let (base, query) = query_start.map_or((url, ""), |query_start| {
        (&url[..query_start], &url[query_start + 1..])
    });
    let mut rest = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !encryption.set_parameter(key, value)? {
            rest.push(parameter);
        }
    }
    if rest.is_empty() {
        return Ok((base.to_owned(), encryption));
    }
    Ok((format!("{base}?{}", rest.join("&")), encryption))
}

impl Encryption {
    /// Sets a parameter; returns `false` for one of another kind.
    fn set_parameter(&mut self, key: &str, value: &str) -> Result<bool, PostgresError> {
        let text = || percent_decode_str(value).decode_utf8_lossy().into_owned();
        let path = || Some(PathBuf::from(text()));
        match key {
            "sslmode" => {
                self.mode = EncryptionMode::parse(value).ok_or_else(|| {
                    PostgresError::bad_url(
                        "has another sslmode than disable, allow, prefer, require, verify-ca or verify-full",
                    )
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
            let url = format!("postgres://h/x?application_name=a&sslmode={word}&sslrootcert=%2Fca");
            let (client_url, encryption) = split_parameters(&url, &TlsConfig::default()).unwrap();
            assert_eq!(client_url, "postgres://h/x?application_name=a");
            assert_eq!(encryption.mode, mode);
            assert_eq!(encryption.tls.ca, Some("/ca".into()));
        }
    }

    #[test]
    fn a_question_mark_in_the_password_does_not_hide_the_sslmode() {
        let url = "postgres://user:a?b@h/x?sslmode=disable";
        let (client_url, encryption) = split_parameters(url, &TlsConfig::default()).unwrap();
        assert_eq!(client_url, "postgres://user:a?b@h/x");
        assert_eq!(encryption.mode, EncryptionMode::Disable);
    }
}
