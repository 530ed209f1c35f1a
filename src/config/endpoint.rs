//! The address of an OTLP receiver.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::{Serialize, Serializer};

use super::fault::InvalidValue;
use super::field_value::FieldValue;
use super::secret::MASK;
use super::validator::ConfigValidator;
#[cfg(feature = "otlp")]
use super::variable_syntax::percent_decode;
use crate::model::causes::debug_as_text;

const ALLOWED: &str =
    r#"http:// or https://, a host and a port from 1 to 65535, such as "http://localhost:4317""#;

/// The URL of an OTLP receiver: scheme, host, perhaps a port and a path.
///
/// A user name and password in it are masked in `Debug`, `Display` and `Serialize`.
///
/// ```
/// use vantage_obs::config::Endpoint;
///
/// let endpoint: Endpoint = "http://user:secret@jaeger:4317".parse()?;
/// assert_eq!(endpoint.to_string(), "http://***@jaeger:4317");
/// assert_eq!(endpoint.port(), Some(4317));
/// # Ok::<(), vantage_obs::config::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As it was written: gRPC and HTTP clients take text.
    text: String,
    /// The same, parsed once.
    uri: Uri,
}

/// Text that is not the URL of an OTLP receiver.
///
/// The author of the URL is at fault; it is shown with its password masked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not an endpoint; allowed: {ALLOWED}")]
pub struct EndpointError {
    /// With credentials masked already, so that the error can't reveal them.
    shown: String,
}
debug_as_text!(EndpointError);

impl Endpoint {
    /// Returns the whole URL, with the password if it has one.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns `true` if the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Returns the host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// Returns the port, if the URL names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.uri.port_u16()
    }

    /// User name and password, percent-decoded, as `user:password`.
    #[cfg(feature = "otlp")]
    pub(crate) fn user(&self) -> Option<String> {
        let (user, _) = self.uri.authority()?.as_str().rsplit_once('@')?;
        percent_decode(user)
    }

    /// The URL without user name and password.
    #[cfg(feature = "otlp")]
    pub(crate) fn without_user(&self) -> String {
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("http", &self.text));
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        match authority.rsplit_once('@') {
            // Cut by length and not by a search: the user name may occur in the path again.
            Some((user, _)) => format!("{scheme}://{}", &rest[user.len() + 1..]),
            None => self.text.clone(),
        }
    }

    /// The endpoint for one signal below this one: `/v1/traces` and its like appended.
    pub(super) fn join_path(&self, path: &str) -> Self {
        // `http://host/` and `http://host` mean the same base.
        let text = format!("{}/{path}", self.text.trim_end_matches('/'));
        // A good URL stays one with a plain path appended; the other branch can't be reached.
        text.parse().unwrap_or_else(|_| self.clone())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let rejection = || EndpointError {
            shown: mask_credentials(text),
        };
        let uri: Uri = text.parse().map_err(|_| rejection())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        // A URL such as `http://:4317` parses, with an empty host.
        let host = uri.host().is_some_and(|host| !host.is_empty());
        // A query would be lost below `/v1/traces`, and is where tokens like to hide.
        let place = has_valid_brackets(&uri) && has_valid_port(&uri);
        if !scheme || !host || !place || text.contains(['?', '#']) {
            return Err(rejection());
        }
        Ok(Self {
            text: text.into(),
            uri,
        })
    }
}

/// `Uri` takes brackets for more than an IPv6 address, such as `user[@host]`.
fn has_valid_brackets(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let address = host.strip_prefix('[').and_then(|host| host.split_once(']'));
    let rest = address.map_or(host, |(_, rest)| rest);
    !user.contains(['[', ']']) && !rest.contains(['[', ']'])
}

/// `Uri` takes `host:99999` for an address without a port.
fn has_valid_port(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    // An IPv6 address has colons of its own, within brackets.
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match after.split_once(':') {
        Some((_, port)) => port.parse().is_ok_and(|port: u16| port != 0),
        None => true,
    }
}

/// The text without what could be a secret: user and password, query and fragment.
fn mask_credentials(text: &str) -> String {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (scheme, rest) = match text.split_once("://") {
        // What else stands before it may be a user and a password: `user:password@host://path`.
        Some((scheme, rest)) if is_scheme(scheme) => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    // The last `@`: a password may hold one, and the first would leave its end visible.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{MASK}@"), rest),
        None => (String::new(), rest),
    };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}{user}{}{MASK}", &rest[..=at]),
        None => format!("{scheme}{user}{rest}"),
    }
}

impl FieldValue for Endpoint {
    fn allowed() -> String {
        ALLOWED.into()
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map_err(|error: EndpointError| InvalidValue::from_text(&error.shown, ALLOWED))
    }

    /// An endpoint that this build cannot speak to is a fault now, and not a puzzle at the first export.
    fn check_build(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let allowed = "none: the crate was built without its `otlp` feature";
        validator.require(cfg!(feature = "otlp"), path, self, allowed);
        let fine = !self.is_https() || cfg!(feature = "tls");
        let allowed = "http://, or https:// in a build with the crate's `tls` feature";
        validator.require(fine, path, self, allowed);
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_credentials(&self.text))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", mask_credentials(&self.text))
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_before_what_looks_like_a_scheme_is_masked() {
        for text in [
            "user:s3cret@host://path",
            "a@b:s3cret@h/@h://u",
            "user:s3cret@host:4317",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn brackets_stand_around_an_address_alone() {
        for text in [
            "http://2[::@1]/2",
            "http://[u]@h",
            "http://h]",
            "http://a[::1]",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_with_scheme_host_and_port_is_an_endpoint() {
        for (text, host, port) in [
            ("http://jaeger:4317", "jaeger", Some(4317)),
            ("https://otlp.example.org", "otlp.example.org", None),
            ("http://[::1]:4318/base", "[::1]", Some(4318)),
            ("http://[::1]", "[::1]", None),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "jaeger",
            "jaeger:4317",
            "grpc://jaeger:4317",
            "http://",
            "http://:4317",
            "http://jaeger:0",
            "http://jaeger:65536",
            "http://jaeger:",
            "http://jaeger:43l7",
            "http://[::1]:0",
            "http://jaeger:4317?key=1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_masked_in_good_and_bad_urls_alike() {
        for (text, shown) in [
            ("http://user:canary@host:1", "http://***@host:1"),
            ("http://user:can/ary@host:1", "http://***@host:1"),
            ("http://user:can?ary@host:1", "http://***@host:1"),
            ("user:canary@host:1", "***@host:1"),
            ("http://host:1/?key=canary", "http://host:1/?***"),
        ] {
            assert_eq!(mask_credentials(text), shown);
        }
        let endpoint: Endpoint = "http://user:canary@host:1".parse().unwrap();
        assert_eq!(
            format!("{endpoint:?} {endpoint}"),
            r#""http://***@host:1" http://***@host:1"#
        );
        assert_eq!(endpoint.expose(), "http://user:canary@host:1");
    }
}
