//! The base of links by a request: how its sender reached the routes.
//!
//! | part | first of these that is valid |
//! |---|---|
//! | scheme | `Forwarded: proto=`, `X-Forwarded-Proto`, the request's own (HTTP/2), `http` |
//! | host | `Forwarded: host=`, `X-Forwarded-Host` (with `X-Forwarded-Port`), `:authority`, `Host` |
//! | prefix | `X-Forwarded-Prefix`, and the path below which the routes are nested |
//!
//! Of a list the first element counts, which is that of the proxy nearest to the reader. A request with two
//! `Host` lines has none.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::model::url_parts::{UrlScheme, parse_authority, parse_prefix};
use crate::serve::link_base::LinkBase;

/// The longest `Forwarded` header that is read.
const MAX_FORWARDED_BYTES: usize = 4_096;

/// The target and headers of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestTarget<'a> {
    /// The target as the routes see it, below the path that they are nested in.
    pub(crate) uri: &'a Uri,
    /// The target as it was received.
    pub(crate) original: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// The base of links of a request, for handlers that need nothing else of its target.
#[derive(Debug)]
pub(super) struct RequestBase(pub(super) LinkBase);

/// The parameters of the first element of `Forwarded` (RFC 7239).
#[derive(Debug, Default, PartialEq, Eq)]
struct ForwardedElement {
    host: Option<String>,
    proto: Option<String>,
}

impl RequestTarget<'_> {
    /// Returns the base of links, as the sender of the request reached the routes.
    pub(crate) fn link_base(&self) -> LinkBase {
        let forwarded = self
            .header("forwarded")
            .filter(|text| text.len() <= MAX_FORWARDED_BYTES);
        let forwarded = forwarded
            .map(ForwardedElement::parse_first)
            .unwrap_or_default();
        let authority = forwarded.host.as_deref().and_then(parse_authority);
        let authority = authority
            .or_else(|| self.forwarded_host())
            .or_else(|| self.own_authority());
        let prefix = format!("{}{}", self.forwarded_prefix(), self.nested_prefix());
        LinkBase::new(self.scheme(&forwarded), authority.as_deref(), prefix)
    }

    fn scheme(&self, forwarded: &ForwardedElement) -> UrlScheme {
        let proto = forwarded.proto.as_deref().and_then(UrlScheme::parse);
        proto
            .or_else(|| UrlScheme::parse(self.first_element("x-forwarded-proto")?))
            .or_else(|| UrlScheme::parse(self.original.scheme_str()?))
            .unwrap_or(UrlScheme::Http)
    }

    fn forwarded_host(&self) -> Option<String> {
        let authority = parse_authority(self.first_element("x-forwarded-host")?)?;
        let with_port = |port: &str| parse_authority(&format!("{authority}:{port}"));
        // An authority that has a port is none with a second one.
        let port = self.first_element("x-forwarded-port");
        Some(port.and_then(with_port).unwrap_or(authority))
    }

    fn own_authority(&self) -> Option<String> {
        if let Some(authority) = self.original.authority() {
            return parse_authority(authority.as_str());
        }
        let mut hosts = self.headers.get_all(header::HOST).iter();
        let (host, None) = (hosts.next()?, hosts.next()) else {
            return None;
        };
        parse_authority(host.to_str().ok()?)
    }

    fn forwarded_prefix(&self) -> String {
        let prefix = self.first_element("x-forwarded-prefix");
        prefix.and_then(parse_prefix).unwrap_or_default()
    }

    /// Returns the path that the routes are nested below: what a router has taken off the target.
    fn nested_prefix(&self) -> String {
        let prefix = self.original.path().strip_suffix(self.uri.path());
        prefix.and_then(parse_prefix).unwrap_or_default()
    }

    /// Returns the first element of a list in a header.
    fn first_element(&self, name: &str) -> Option<&str> {
        self.header(name)?.split(',').next().map(str::trim)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestBase {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let OriginalUri(original) = OriginalUri::from_request_parts(parts, state).await?;
        let target = RequestTarget {
            uri: &parts.uri,
            original: &original,
            headers: &parts.headers,
        };
        Ok(Self(target.link_base()))
    }
}

impl ForwardedElement {
    /// Parses the first element: pairs of a name and a token or a quoted string, separated by semicolons.
    fn parse_first(text: &str) -> Self {
        let mut element = Self::default();
        for pair in split_unquoted(first_unquoted(text, ','), ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let place = match name.trim() {
                name if name.eq_ignore_ascii_case("host") => &mut element.host,
                name if name.eq_ignore_ascii_case("proto") => &mut element.proto,
                _ => continue,
            };
            *place = unquote(value.trim());
        }
        element
    }
}

/// Returns the text up to a separator that stands outside of quotes.
fn first_unquoted(text: &str, separator: char) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => return &text[..at],
            _ => {}
        }
    }
    text
}

/// Splits a text at a separator that stands outside of quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let part = first_unquoted(text, separator);
        rest = text.get(part.len() + separator.len_utf8()..);
        Some(part)
    })
}

/// Returns the text of a token or a quoted string; `None` for a string without its end.
fn unquote(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let quoted = quoted.strip_suffix('"')?;
    let (mut text, mut escaped) = (String::new(), false);
    for letter in quoted.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(letter);
            escaped = false;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    /// Returns the URL of `/status` by a request for `target` with these headers, whose routes are below `nested`.
    fn status_url(target: &str, nested: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let below = request.uri().path().strip_prefix(nested).unwrap();
        let target = RequestTarget {
            uri: &below.parse().unwrap(),
            original: request.uri(),
            headers: request.headers(),
        };
        target.link_base().url("/status")
    }

    #[test]
    fn the_place_of_the_routes_is_that_of_the_request() {
        let own = ("host", "own:8080");
        for (headers, expected) in [
            (&[own][..], "http://own:8080/status"),
            (&[], "/status"),
            (
                &[own, ("x-forwarded-proto", "https")],
                "https://own:8080/status",
            ),
            (
                &[own, ("x-forwarded-proto", "HTTPS, http")],
                "https://own:8080/status",
            ),
            (
                &[own, ("x-forwarded-host", "a.example, b")],
                "http://a.example/status",
            ),
            (
                &[own, ("x-forwarded-host", "a"), ("x-forwarded-port", "8443")],
                "http://a:8443/status",
            ),
            (
                &[own, ("x-forwarded-host", "a:1"), ("x-forwarded-port", "2")],
                "http://a:1/status",
            ),
            (&[own, ("x-forwarded-port", "2")], "http://own:8080/status"),
            (
                &[own, ("x-forwarded-prefix", "/ops/, /inner")],
                "http://own:8080/ops/status",
            ),
            (
                &[own, ("forwarded", "for=1.2.3.4;proto=https;host=a.example")],
                "https://a.example/status",
            ),
            (
                &[
                    own,
                    (
                        "forwarded",
                        "Host=\"a:8443\" ; Proto=https, host=b;proto=http",
                    ),
                ],
                "https://a:8443/status",
            ),
            (
                &[
                    own,
                    (
                        "forwarded",
                        "for=\"[::1]:1,;host=evil\";host=\"[2001:db8::1]:4\"",
                    ),
                ],
                "http://[2001:db8::1]:4/status",
            ),
            (
                &[own, ("forwarded", "host=a"), ("x-forwarded-host", "b")],
                "http://a/status",
            ),
            (
                &[own, ("forwarded", "for=1.2.3.4"), ("x-forwarded-host", "b")],
                "http://b/status",
            ),
        ] {
            assert_eq!(status_url("/status", "", headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_authority_of_http_2_is_its_host() {
        let url = status_url("https://a.example/status", "", &[]);
        assert_eq!(url, "https://a.example/status");
        let both = status_url("http://a.example:1/status", "", &[("host", "b")]);
        assert_eq!(both, "http://a.example:1/status");
    }

    #[test]
    fn routes_below_a_path_are_linked_below_it() {
        let own = ("host", "own");
        let below = status_url("/a/b/status?x", "/a/b", &[own]);
        assert_eq!(below, "http://own/a/b/status");
        let stripped = ("x-forwarded-prefix", "/ops");
        let both = status_url("/a/status", "/a", &[own, stripped]);
        assert_eq!(both, "http://own/ops/a/status");
        let hostile = status_url("//evil/status", "//evil", &[own]);
        assert_eq!(hostile, "http://own/status");
    }

    #[test]
    fn a_hostile_header_is_no_link() {
        let own = ("host", "own");
        let long = "a".repeat(200_000);
        let forwarded = format!("for={long};host=b");
        for hostile in [
            ("x-forwarded-host", "evil/x"),
            ("x-forwarded-host", "me:secret@evil"),
            ("x-forwarded-host", &long),
            ("x-forwarded-prefix", "//evil"),
            ("x-forwarded-prefix", "https://evil"),
            ("x-forwarded-prefix", "/\"onload=x"),
            ("x-forwarded-proto", "javascript"),
            ("forwarded", "host=\"evil"),
            ("forwarded", "host=<script>"),
            ("forwarded", ";;=;host"),
            ("forwarded", &forwarded),
        ] {
            let url = status_url("/status", "", &[own, hostile]);
            assert_eq!(url, "http://own/status", "{}", hostile.0);
        }
        for host in ["<script>", "me:secret@evil", &long] {
            assert_eq!(status_url("/status", "", &[("host", host)]), "/status");
        }
        let two = [("host", "a"), ("host", "b")];
        assert_eq!(status_url("/status", "", &two), "/status");
    }
}
