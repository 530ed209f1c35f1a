//! The address of a PostgreSQL server.

use std::fmt;
use std::time::Duration;

use super::encryption::split_parameters;
use super::error::PostgresError;
use super::tls::{PostgresConnector, connector};
use crate::config::{Secret, TlsConfig};

/// The time limit of connecting to one of several hosts, unless the URL sets one: the next host may be
/// the one that is up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time without traffic after which a connection is probed, and given up.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A parsed PostgreSQL URL. Its `Debug` output shows nothing of it.
#[derive(Clone)]
pub(crate) struct PostgresAddress {
    pub(super) config: tokio_postgres::Config,
    pub(super) connector: PostgresConnector,
}

impl PostgresAddress {
    /// Parses a URL; `tls` applies if the URL names no files.
    pub(crate) fn parse(url: &Secret, tls: &TlsConfig) -> Result<Self, PostgresError> {
        let url = url
            .expose()
            .ok_or_else(|| PostgresError::bad_url("is a reference that was not followed"))?;
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(PostgresError::bad_url("does not start with postgres://"));
        }
        let (client_url, encryption) = split_parameters(url, tls)?;
        let mut config: tokio_postgres::Config = client_url
            .parse()
            .map_err(|error| PostgresError::bad_url(&parse_failure(&error)))?;
        config.ssl_mode(encryption.mode.to_client());
        set_defaults(&mut config);
        Ok(Self {
            config,
            connector: connector(&encryption)?,
        })
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Describes the error in a URL. Of the client's text only the name of an option with a bad value is told,
/// which is its own; the rest may come from secret parts of the URL.
fn parse_failure(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    match cause.strip_prefix("invalid value for option ") {
        Some(option) => format!("has a bad {}", option.trim_matches('`')),
        None if cause.contains("unknown option") => "has an unknown parameter".into(),
        None => "cannot be read (is every special character of the password escaped?)".into(),
    }
}

/// Sets the defaults of what the URL leaves open.
fn set_defaults(config: &mut tokio_postgres::Config) {
    if config.get_application_name().is_none() {
        config.application_name("vantage-obs");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(KEEPALIVE_TIMEOUT);
    }
    config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE_TIMEOUT));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresAddress, PostgresError> {
        PostgresAddress::parse(&Secret::new(url), &TlsConfig::default())
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
            let text = format!("{error} {error:?} {}", error.with_causes());
            assert!(!text.contains("canary"), "{text}");
            assert_eq!((error.code(), error.is_transient()), ("bad_url", false));
        }
        let error = parse("postgres://user@host:99999/x").unwrap_err();
        assert!(error.to_string().contains("has a bad port"), "{error}");
        let error = parse("postgres://user@host/x?keepalives_retries=often").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("has a bad keepalives_retries;"), "{text}");
    }

    #[test]
    fn an_address_does_not_show_itself() {
        let address = parse("postgres://user:canary@host/x").unwrap();
        assert_eq!(format!("{address:?}"), "***");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_file_that_is_not_there_is_named_unless_nothing_is_encrypted() {
        for (mode, file) in [("require", "sslrootcert"), ("prefer", "sslcert")] {
            let files = format!("{file}=/not/there.pem&sslkey=/not/there.key");
            let error = parse(&format!("postgres://h/x?sslmode={mode}&{files}")).unwrap_err();
            assert_eq!(error.code(), "bad_certificates");
            let expected = "no encrypted connection to PostgreSQL can be made: /not/there.pem: ";
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(parse(&format!("postgres://h/x?sslmode=disable&{files}")).is_ok());
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_url_that_requires_encryption_is_refused_without_the_feature() {
        let error = parse("postgres://h/x?sslmode=require").unwrap_err();
        assert!(error.to_string().contains("feature `tls`"), "{error}");
        assert!(parse("postgres://h/x?sslmode=prefer").is_ok());
    }
}
