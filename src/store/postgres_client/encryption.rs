//! How safe the way to a PostgreSQL server has to be, as its URL says.

use std::path::PathBuf;

use tokio_postgres::config::SslMode;

use super::error::PostgresError;
use crate::config::Tls;

/// What the parameter `sslmode` asks for, in the words and with the meaning of PostgreSQL's own
/// clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    Disable,
    /// Encrypted where the server can; whose certificate it is does not matter.
    #[default]
    Prefer,
    /// Encrypted; the certificate is verified where an authority is named.
    Require,
    /// Encrypted, with a certificate that an authority signed for anybody.
    VerifyCa,
    /// Encrypted, with a certificate that an authority signed for this host.
    VerifyFull,
}

/// The parameters of a URL that are ours to read.
#[derive(Debug, Default)]
pub(super) struct Encryption {
    pub(super) mode: Mode,
    pub(super) tls: Tls,
    /// `sslrootcert=system`: the system's authorities, by name.
    pub(super) system: bool,
}

impl Mode {
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

    pub(super) const fn of_client(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// The URL without what the client does not know, and that.
pub(super) fn divided(url: &str, tls: &Tls) -> Result<(String, Encryption), PostgresError> {
    let mut encryption = Encryption {
        tls: tls.clone(),
        ..Encryption::default()
    };
    // The client takes all before the first `@` for user and password, whatever is in it.
    let host = url.find('@').unwrap_or_default();
    let mark = url[host..].find('?').map(|mark| host + mark);
    let (base, query) = mark.map_or((url, ""), |mark| (&url[..mark], &url[mark + 1..]));
    let mut rest = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !encryption.take(key, value)? {
            rest.push(parameter);
        }
    }
    if rest.is_empty() {
        return Ok((base.to_owned(), encryption));
    }
    Ok((format!("{base}?{}", rest.join("&")), encryption))
}

impl Encryption {
    /// Takes a parameter; `false` where it is none of ours.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, PostgresError> {
        let path = || Some(PathBuf::from(decoded(value)));
        match key {
            "sslmode" => {
                self.mode = Mode::parse(value).ok_or_else(|| {
                    PostgresError::bad_url(
                        "has another sslmode than disable, allow, prefer, require, verify-ca or verify-full",
                    )
                })?;
            }
            "sslrootcert" if value == "system" => (self.system, self.tls.ca) = (true, None),
            "sslrootcert" => self.tls.ca = path(),
            "sslcert" => self.tls.client_certificate = path(),
            "sslkey" => self.tls.client_key = path(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = (byte == b'%').then(|| after.get(..2)).flatten();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sslmode_are_those_of_postgresqls_own_clients() {
        for (word, mode) in [
            ("disable", Mode::Disable),
            ("allow", Mode::Prefer),
            ("prefer", Mode::Prefer),
            ("require", Mode::Require),
            ("verify-ca", Mode::VerifyCa),
            ("verify-full", Mode::VerifyFull),
        ] {
            let url = format!("postgres://h/x?application_name=a&sslmode={word}&sslrootcert=%2Fca");
            let (plain, encryption) = divided(&url, &Tls::default()).unwrap();
            assert_eq!(plain, "postgres://h/x?application_name=a");
            assert_eq!(encryption.mode, mode);
            assert_eq!(encryption.tls.ca, Some("/ca".into()));
        }
    }

    #[test]
    fn a_question_mark_in_the_password_does_not_hide_the_sslmode() {
        let url = "postgres://user:a?b@h/x?sslmode=disable";
        let (plain, encryption) = divided(url, &Tls::default()).unwrap();
        assert_eq!(plain, "postgres://user:a?b@h/x");
        assert_eq!(encryption.mode, Mode::Disable);
    }
}
