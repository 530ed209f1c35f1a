//! The address of a PostgreSQL server.

use std::fmt;
use std::time::Duration;

use super::encryption::divided;
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

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_url_that_requires_encryption_is_refused_without_the_feature() {
        let error = parse("postgres://h/x?sslmode=require").unwrap_err();
        assert!(error.to_string().contains("feature `tls`"), "{error}");
        assert!(parse("postgres://h/x?sslmode=prefer").is_ok());
    }
}
