//! Where PostgreSQL is, and how safe the way there has to be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::SslMode;

use super::error::PostgresError;
use super::tls::Connector;
use crate::config::{Secret, Tls};

/// For how long one of several hosts is tried, unless the URL says otherwise: the next one may be
/// the one that lives.
const EACH_HOST: Duration = Duration::from_secs(2);
/// After which silence a connection is probed, and given up.
const SILENCE: Duration = Duration::from_secs(15);

/// A URL of PostgreSQL that was understood. It does not show itself.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) client: tokio_postgres::Config,
    pub(super) connector: Connector,
}

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

impl Address {
    /// Reads a URL; `tls` holds where the URL names no files.
    pub(crate) fn parse(url: &Secret, tls: &Tls) -> Result<Self, PostgresError> {
        let url = url
            .expose()
            .ok_or_else(|| PostgresError::bad_url("is a reference that was not followed"))?;
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(PostgresError::bad_url("does not start with postgres://"));
        }
        let (plain, encryption) = divided(url, tls)?;
        let mut client: tokio_postgres::Config = plain
            .parse()
            .map_err(|error| PostgresError::bad_url(&reason(&error)))?;
        client.ssl_mode(encryption.mode.of_client());
        complete(&mut client);
        let connector = Connector::new(&encryption)?;
        Ok(Self { client, connector })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
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

    const fn of_client(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// The URL without what the client does not know, and that.
fn divided(url: &str, tls: &Tls) -> Result<(String, Encryption), PostgresError> {
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

/// What is wrong with a URL, without a word that may come from its secret parts.
fn reason(error: &tokio_postgres::Error) -> String {
    const KNOWN: [&str; 9] = [
        "port",
        "hostaddr",
        "connect_timeout",
        "tcp_user_timeout",
        "keepalives",
        "keepalives_idle",
        "target_session_attrs",
        "channel_binding",
        "load_balance_hosts",
    ];
    let said = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    let named = |key: &&&str| said.ends_with(&format!("`{key}`"));
    match KNOWN.iter().find(named) {
        Some(key) => format!("has a bad {key}"),
        None if said.contains("unknown option") => "has an unknown parameter".into(),
        None => "cannot be read (is every special character of the password escaped?)".into(),
    }
}

/// What the URL leaves open.
fn complete(client: &mut tokio_postgres::Config) {
    if client.get_application_name().is_none() {
        client.application_name("vantage-obs");
    }
    if client.get_connect_timeout().is_none() {
        client.connect_timeout(EACH_HOST);
    }
    if client.get_tcp_user_timeout().is_none() {
        client.tcp_user_timeout(SILENCE);
    }
    client.keepalives_idle(client.get_keepalives_idle().min(SILENCE));
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

    fn parse(url: &str) -> Result<Address, PostgresError> {
        Address::parse(&Secret::new(url), &Tls::default())
    }

    #[test]
    fn nothing_of_a_bad_url_is_shown() {
        for url in [
            "canary",
            "mysql://canary@host/x",
            "postgres://user:canary@host:port/x",
            "postgres://user@host/x?canary=1",
            "postgres://user@host/x?sslmode=canary",
        ] {
            let error = parse(url).unwrap_err();
            let shown = format!("{error} {error:?} {}", error.told());
            assert!(!shown.contains("canary"), "{shown}");
            assert_eq!((error.code(), error.is_passing()), ("bad_url", false));
        }
        let error = parse("postgres://user@host:99999/x").unwrap_err();
        assert!(error.to_string().contains("has a bad port"), "{error}");
    }

    #[test]
    fn an_address_does_not_show_itself() {
        let address = parse("postgres://user:canary@host/x").unwrap();
        assert_eq!(format!("{address:?}"), "***");
    }

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

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_url_that_requires_encryption_is_refused_without_the_feature() {
        let error = parse("postgres://h/x?sslmode=require").unwrap_err();
        assert!(error.to_string().contains("feature `tls`"), "{error}");
        assert!(parse("postgres://h/x?sslmode=prefer").is_ok());
    }
}
