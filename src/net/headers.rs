//! The headers of requests.

use std::collections::BTreeMap;

use base64::Engine as _;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{Endpoint, Secret};

/// The value of `User-Agent`, by which a server's log tells us from others.
pub(crate) const fn user_agent() -> &'static str {
    concat!("vantage-obs/", env!("CARGO_PKG_VERSION"))
}

/// Returns the headers of each request to an API of JSON: `json` says so of the body or the answer. The
/// credentials are the token, or else user and password of the endpoint.
pub(crate) fn json_headers(
    json: HeaderName,
    token: Option<&Secret>,
    endpoint: &Endpoint,
) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(user_agent()));
    headers.insert(json, HeaderValue::from_static("application/json"));
    let token = token.and_then(Secret::expose);
    let bearer = token.map(|token| format!("Bearer {token}"));
    if let Some(text) = bearer.or_else(|| basic_credentials(endpoint)) {
        // Not sent at all it would look like a wrong token.
        // A token with a line break would be a second header.
        let value = HeaderValue::try_from(text);
        let mut value =
            value.map_err(|_| "the token contains characters that a header cannot hold")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Adds configured headers; one that is there already is replaced. None of them is shown anywhere.
///
/// # Errors
///
/// A name or a value is no text that a header can hold.
pub(crate) fn add_headers(
    headers: &mut HeaderMap,
    configured: &BTreeMap<String, Secret>,
) -> Result<(), &'static str> {
    for (name, value) in configured {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| "a configured header has a malformed name")?;
        let Some(value) = value.expose() else {
            continue;
        };
        let value = HeaderValue::from_str(value);
        let mut value = value.map_err(|_| "a configured header is no text that one can hold")?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(())
}

/// Returns user and password of an endpoint as the value of `Authorization`.
pub(crate) fn basic_credentials(endpoint: &Endpoint) -> Option<String> {
    let user = base64::engine::general_purpose::STANDARD.encode(endpoint.user()?);
    Some(format!("Basic {user}"))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE};

    use super::*;

    #[test]
    fn a_token_comes_before_the_user_of_the_endpoint_and_is_sensitive() {
        let endpoint = "http://user:p%40ss@localhost:9090".parse().unwrap();
        let headers = json_headers(ACCEPT, None, &endpoint).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Basic dXNlcjpwQHNz");
        assert_eq!(headers[ACCEPT], "application/json");
        let token = Secret::new("s3cret");
        let headers = json_headers(CONTENT_TYPE, Some(&token), &endpoint).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer s3cret");
        assert!(headers[AUTHORIZATION].is_sensitive());
        assert!(json_headers(ACCEPT, Some(&Secret::new("a\nb")), &endpoint).is_err());
        let endpoint = "http://localhost:9090".parse().unwrap();
        let headers = json_headers(ACCEPT, None, &endpoint).unwrap();
        assert!(!headers.contains_key(AUTHORIZATION));
    }

    #[test]
    fn configured_headers_are_added_and_replace_what_is_there() {
        let endpoint = "http://user@localhost:9090".parse().unwrap();
        let mut headers = json_headers(ACCEPT, None, &endpoint).unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        let configured = [
            header("X-Scope-OrgID", "shop"),
            header("authorization", "Api-Key k"),
        ];
        add_headers(&mut headers, &configured.into()).unwrap();
        assert_eq!(headers["x-scope-orgid"], "shop");
        assert!(headers["x-scope-orgid"].is_sensitive());
        assert_eq!(headers[AUTHORIZATION], "Api-Key k");
        for bad in [header("a b", "c"), header("a", "b\n")] {
            let error = add_headers(&mut headers, &[bad].into()).unwrap_err();
            assert!(!error.contains("a b"), "{error}");
        }
    }
}
