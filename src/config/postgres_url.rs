//! The URL of a PostgreSQL server: one judgement for the configuration, the store and the health check.
//!
//! Why is a parameter that isn't understood refused, and not left out? Because `sslmode`, `channel_binding` and
//! their like are promises about the connection, and `schema` one about where the tables are.

mod encryption;

use std::fmt;

use crate::config::secret::Secret;
use crate::model::causes::debug_as_text;

pub(crate) use encryption::{Encryption, EncryptionMode};

/// The form of a URL, for messages.
pub(crate) const URL_FORMAT: &str = "postgres://user:password@host:port/database?sslmode=…";

/// The parameters that a URL may have.
const PARAMETERS: [&str; 22] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// The longest name of a parameter that is shown.
const MAX_NAME_BYTES: usize = 40;

/// A parsed URL. Its `Debug` output shows nothing of it.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    /// The client's part.
    pub(crate) client: tokio_postgres::Config,
    pub(crate) encryption: Encryption,
}

/// A URL that can't be used. The text never holds a value of it, only names of parameters.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the URL of PostgreSQL {problem}; allowed: {allowed}")]
pub(crate) struct PostgresUrlError {
    /// The fault, as what the URL does: "has the parameter schema".
    pub(crate) problem: String,
    /// The accepted form, or the change that makes the URL one.
    pub(crate) allowed: String,
}
debug_as_text!(PostgresUrlError);

impl PostgresUrlError {
    fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            allowed: URL_FORMAT.into(),
        }
    }
}

impl PostgresUrl {
    /// Parses a URL, and refuses what a connection could not keep.
    pub(crate) fn parse(url: &Secret) -> Result<Self, PostgresUrlError> {
        let url = url
            .expose()
            .ok_or_else(|| PostgresUrlError::new("is a reference that was not resolved"))?;
        // The client also takes `key=value` pairs, which are parsed by other rules: encryption parameters would
        // be missed in them.
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(PostgresUrlError::new("does not start with postgres://"));
        }
        let (base, parameters) = split_parameters(url);
        refuse_parameters(&parameters)?;
        let (encryption, rest) = Encryption::from_parameters(&parameters)?;
        // `prefer` is a preference: a build without encryption connects without it.
        if encryption.mode.requires_encryption() && !cfg!(feature = "tls") {
            return Err(PostgresUrlError {
                problem: "requires encryption, and this build has none".into(),
                allowed: "it in a build with the feature `tls` of vantage-obs".into(),
            });
        }
        let client_url = match rest.is_empty() {
            true => base.to_owned(),
            false => format!("{base}?{}", rest.join("&")),
        };
        let mut client: tokio_postgres::Config = client_url
            .parse()
            .map_err(|error| PostgresUrlError::new(parse_failure(&error)))?;
        if client.get_hosts().is_empty() && client.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError::new("names no host"));
        }
        client.ssl_mode(encryption.mode.to_client());
        Ok(Self { client, encryption })
    }

    /// Returns the certificates and keys that connections read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &std::path::Path> {
        let tls = &self.encryption.tls;
        let files = [&tls.ca, &tls.client_certificate, &tls.client_key];
        let is_used = self.encryption.mode != EncryptionMode::Disable;
        let files = files.into_iter().filter(move |_| is_used);
        files.filter_map(|file| file.as_deref())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A name and its value, percent signs and all.
type Parameter<'a> = (&'a str, &'a str);

/// Splits a URL at its parameters. The client takes all before the first `@` for user and password,
/// whatever is in it.
fn split_parameters(url: &str) -> (&str, Vec<Parameter<'_>>) {
    // A password may hold a `?` where it is not escaped.
    let host = url.find('@').unwrap_or_default();
    let Some(start) = url[host..].find('?').map(|start| host + start) else {
        return (url, Vec::new());
    };
    let parameters = url[start + 1..].split('&');
    let parameters = parameters.filter(|parameter| !parameter.is_empty());
    let split = |parameter| str::split_once(parameter, '=').unwrap_or((parameter, ""));
    (&url[..start], parameters.map(split).collect())
}

/// Refuses parameters that the client doesn't know, and those that it can't keep, all at once.
fn refuse_parameters(parameters: &[Parameter<'_>]) -> Result<(), PostgresUrlError> {
    let mut refused = Vec::new();
    let mut advice: Vec<String> = Vec::new();
    let mut advise = |text: String| {
        if !advice.contains(&text) {
            advice.push(text);
        }
    };
    for (key, value) in parameters {
        match *key {
            // This client proves nothing about the channel, and must not seem to.
            "channel_binding" if *value == "require" => {
                refused.push("channel_binding=require".into());
                advise(
                    "sslmode=verify-full&sslrootcert=system instead of channel_binding=require, which this \
                     client can't do: it makes sure of the server as well"
                        .into(),
                );
            }
            known if PARAMETERS.contains(&known) => {}
            "schema" | "currentSchema" | "search_path" => {
                refused.push((*key).into());
                advise(format!(
                    "no {key}: the tables are in the schema vantage_obs"
                ));
            }
            unknown => {
                refused.push(shown_name(unknown, parameters));
                advise(format!("the parameters {}", PARAMETERS.join(", ")));
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let noun = if refused.len() == 1 {
        "parameter"
    } else {
        "parameters"
    };
    Err(PostgresUrlError {
        problem: format!("has the {noun} {}", refused.join(", ")),
        allowed: advice.join("; "),
    })
}

/// Returns the name of a parameter, unless it may be a part of a password: one with `@` and `?` in it ends
/// early for the client.
fn shown_name(name: &str, parameters: &[Parameter<'_>]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let has_at = |(key, value): &Parameter<'_>| key.contains('@') || value.contains('@');
    let is_safe = name.len() <= MAX_NAME_BYTES
        && name.chars().all(is_plain)
        && !parameters.iter().any(has_at);
    match is_safe {
        true => name.into(),
        false => "*** (is every special character of the password escaped?)".into(),
    }
}

/// Describes the error in a URL. Of the client's text only the name of an option with a bad value is told,
/// which is its own; the rest may come from secret parts of the URL.
fn parse_failure(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    match cause.strip_prefix("invalid value for option ") {
        Some(option) => format!("has a bad {}", option.trim_matches('`')),
        None => "cannot be read (is every special character of the password escaped?)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresUrl, PostgresUrlError> {
        PostgresUrl::parse(&Secret::new(url))
    }

    fn refusal(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn no_value_of_a_bad_url_is_shown() {
        for url in [
            "canary",
            "mysql://canary@host/x",
            "postgres://user:canary@host:port/x",
            "postgres://user:p@ss?canary=x@host/x",
            "postgres://user:p@ss?x=canary@host/x",
            "postgres://user@host/x?schema=canary",
            "postgres://user@host/x?sslmode=canary",
            "postgres://user@host/x?pgbouncer=canary&canary%00=1",
        ] {
            let error = parse(url).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn each_parameter_that_is_refused_is_named() {
        let text = refusal("postgres://u@h/x?schema=public");
        assert_eq!(
            text,
            "the URL of PostgreSQL has the parameter schema; \
             allowed: no schema: the tables are in the schema vantage_obs"
        );
        let text = refusal("postgres://u@h/x?pgbouncer=true&sslmode=disable&connection_limit=5");
        let named = "has the parameters pgbouncer, connection_limit; allowed: the parameters application_name";
        assert!(text.contains(named), "{text}");
        for parameter in ["currentSchema=a", "gssencmode=prefer", "sslpassword=x"] {
            let text = refusal(&format!("postgres://u@h/x?{parameter}"));
            let (name, _) = parameter.split_once('=').unwrap();
            assert!(
                text.contains(&format!("has the parameter {name};")),
                "{text}"
            );
        }
    }

    #[test]
    fn channel_binding_that_is_required_is_refused_with_what_proves_as_much() {
        let text = refusal("postgres://u@h/x?sslmode=disable&channel_binding=require");
        assert!(text.contains("sslmode=verify-full"), "{text}");
        for fine in ["disable", "prefer"] {
            assert!(parse(&format!("postgres://u@h/x?channel_binding={fine}")).is_ok());
        }
        let text = refusal("postgres://u@h/x?channel_binding=often");
        assert!(text.contains("has a bad channel_binding;"), "{text}");
    }

    #[test]
    fn every_allowed_parameter_is_one_that_the_client_or_the_encryption_reads() {
        for name in PARAMETERS {
            let text = parse(&format!("postgres://u@h/x?{name}=~"))
                .map_or_else(|error| error.problem, |_| String::new());
            assert!(text.is_empty() || text.contains(name), "{name}: {text}");
        }
    }

    #[test]
    fn a_bad_value_of_an_option_is_named() {
        let text = refusal("postgres://user@host:99999/x");
        assert!(text.contains("has a bad port"), "{text}");
        let text = refusal("postgres://user@host/x?keepalives_retries=often");
        assert!(text.contains("has a bad keepalives_retries;"), "{text}");
        assert!(refusal("postgres:///x").contains("names no host"));
    }

    #[test]
    fn a_question_mark_in_the_password_does_not_hide_the_sslmode() {
        let url = parse("postgres://user:a?b@h/x?sslmode=disable").unwrap();
        assert_eq!(url.client.get_password(), Some(b"a?b".as_slice()));
        assert_eq!(url.encryption.mode, EncryptionMode::Disable);
    }

    #[test]
    fn a_url_does_not_show_itself() {
        let url = parse("postgres://user:canary@host/x").unwrap();
        assert_eq!(format!("{url:?}"), "***");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_url_that_requires_encryption_is_refused_without_the_feature() {
        assert!(refusal("postgres://h/x?sslmode=require").contains("feature `tls`"));
        assert!(parse("postgres://h/x?sslmode=prefer").is_ok());
    }
}
