//! The address of a PostgreSQL server.
//!
//! Nothing of the URL is ever shown: host and user may be private, and a password with a special
//! character ends up in any part of it when it is parsed wrongly.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "cli")]
use tokio_postgres::config::Host;

use super::error::PostgresError;
use super::tls::{PostgresConnector, connector};
use crate::config::Secret;
use crate::config::postgres_url::PostgresUrl;

/// The time limit of connecting to one of several hosts, unless the URL sets one: the next host may be
/// the one that is up.
/// Without it a host that drops packets takes minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
#[cfg(feature = "cli")]
const DEFAULT_PORT: u16 = 5432;
/// The time without traffic after which a connection is probed, and given up.
///
/// A server that was unplugged says nothing; the system's default would notice after two hours.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A parsed PostgreSQL URL. Its `Debug` output shows nothing of it.
#[derive(Clone)]
pub(crate) struct PostgresAddress {
    pub(super) config: tokio_postgres::Config,
    /// Made once: reading certificates for each connection would put the disk on its path.
    pub(super) connector: PostgresConnector,
}

impl PostgresAddress {
    /// Parses a URL, and reads the certificates that it names.
    pub(crate) fn parse(url: &Secret) -> Result<Self, PostgresError> {
        let PostgresUrl {
            client: mut config,
            encryption,
        } = PostgresUrl::parse(url)?;
        set_defaults(&mut config);
        Ok(Self {
            config,
            connector: connector(&encryption)?,
        })
    }
}

#[cfg(feature = "cli")]
impl PostgresAddress {
    /// Returns the hosts that are tried in order, each with its port, and the path of a socket in place of a
    /// host on this machine.
    pub(crate) fn hosts(&self) -> Vec<PostgresHost> {
        let (hosts, ports) = (self.config.get_hosts(), self.config.get_ports());
        let addresses = self.config.get_hostaddrs();
        let count = hosts.len().max(addresses.len());
        let port = |index: usize| {
            // One port holds for all hosts.
            let port = ports.get(index).or_else(|| ports.first());
            port.copied().unwrap_or(DEFAULT_PORT)
        };
        let host = |index: usize| match (addresses.get(index), hosts.get(index)) {
            (Some(address), _) => PostgresHost::Tcp(address.to_string(), port(index)),
            (None, Some(Host::Tcp(name))) => PostgresHost::Tcp(name.clone(), port(index)),
            #[cfg(unix)]
            (None, Some(Host::Unix(folder))) => {
                PostgresHost::Unix(folder.join(format!(".s.PGSQL.{}", port(index))))
            }
            (None, None) => PostgresHost::Tcp(String::new(), port(index)),
        };
        (0..count).map(host).collect()
    }

    /// Returns the database that the URL names; the server takes the user's name where there is none.
    pub(crate) fn database(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.config.get_user()
    }

    pub(crate) fn password(&self) -> Option<&[u8]> {
        self.config.get_password()
    }
}

/// A host of a URL.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) enum PostgresHost {
    Tcp(String, u16),
    /// The socket of a server on this machine.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Sets the defaults of what the URL leaves open.
fn set_defaults(config: &mut tokio_postgres::Config) {
    if config.get_application_name().is_none() {
        // Shown in `pg_stat_activity`, where an operator looks for who holds a lock.
        config.application_name("vantage-obs");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(KEEPALIVE_TIMEOUT);
    }
    // The shorter of the two: a URL may ask for less, and not for the system's hours.
    config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE_TIMEOUT));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresAddress, PostgresError> {
        PostgresAddress::parse(&Secret::new(url))
    }

    #[test]
    fn a_bad_url_is_permanent_and_names_its_parameter() {
        let error = parse("postgres://user:canary@host/x?schema=canary").unwrap_err();
        let text = format!("{error} {error:?} {}", error.with_causes());
        assert!(text.contains("has the parameter schema"), "{text}");
        assert!(!text.contains("canary"), "{text}");
        assert_eq!((error.code(), error.is_transient()), ("bad_url", false));
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
}
