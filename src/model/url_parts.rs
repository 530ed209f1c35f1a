//! The parts of a URL that links to the crate's own routes begin with: scheme, host, and the path prefix that
//! the routes are below.
//!
//! They may come from a request, whose sender is anybody. So a host is a name or an address with a port and
//! nothing else, a prefix is an absolute path of one host, and both are short: whatever differs is refused,
//! and never repaired.

use std::net::Ipv6Addr;

/// The longest host, with its port: a DNS name has at most 253 bytes.
const MAX_AUTHORITY_BYTES: usize = 260;
const MAX_LABEL_BYTES: usize = 63;
const MAX_PREFIX_BYTES: usize = 256;

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlScheme {
    Http,
    Https,
}

impl UrlScheme {
    /// Returns the scheme of a name in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let schemes = [Self::Http, Self::Https];
        schemes
            .into_iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Parses a URL of `http` or `https`, a host and perhaps a path, and nothing else, into its scheme, its
/// [authority](parse_authority) and its [prefix](parse_prefix).
pub(crate) fn parse_base_url(url: &str) -> Option<(UrlScheme, String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (authority, prefix) = (parse_authority(authority)?, parse_prefix(path)?);
    Some((UrlScheme::parse(scheme)?, authority, prefix))
}

/// Returns host and port in lower case; `None` for everything else, such as a user name.
pub(crate) fn parse_authority(text: &str) -> Option<String> {
    if text.len() > MAX_AUTHORITY_BYTES {
        return None;
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            let _: Ipv6Addr = address.parse().ok()?;
            (&text[..address.len() + 2], rest)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            is_name(host).then_some((host, port))?
        }
    };
    let is_port = |port: &str| {
        let digits = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
        digits && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    fine.then(|| format!("{}{port}", host.to_ascii_lowercase()))
}

/// Returns true for a DNS name or an IPv4 address. An underscore is in the names of containers.
fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label =
        |label: &str| (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(allowed);
    let host = host.strip_suffix('.').unwrap_or(host);
    host.split('.').all(is_label)
}

/// Returns an absolute path without the slash at its end, such as `/ops`, and an empty text for an empty one.
/// `None` for everything else, above all `//host`, which would lead elsewhere.
pub(crate) fn parse_prefix(text: &str) -> Option<String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.is_empty() {
        return Some(String::new());
    }
    let segments = path.strip_prefix('/')?.split('/');
    let is_segment = |segment: &str| {
        let steps = [".", ".."].contains(&segment);
        !segment.is_empty() && !steps && segment.bytes().all(is_path_byte)
    };
    let fine = path.len() <= MAX_PREFIX_BYTES && segments.into_iter().all(is_segment);
    fine.then(|| path.to_owned())
}

/// Returns true for what RFC 3986 permits in a segment of a path, but for quotes.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_a_port_and_nothing_else() {
        for (text, expected) in [
            ("status.example", "status.example"),
            ("Status.Example:8443", "status.example:8443"),
            ("my_service.namespace.svc.", "my_service.namespace.svc."),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:8080", "[::1]:8080"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(parse_authority(text).as_deref(), Some(expected), "{text}");
        }
        let long = "a".repeat(200_000);
        for text in [
            "",
            ":80",
            ".",
            "a..b",
            "me:secret@evil",
            "me@evil",
            "a/b",
            "a b",
            "a?b",
            "a#b",
            "<script>",
            "a:0",
            "a:65536",
            "a:8x",
            "a:",
            "a:1:2",
            "[::1",
            "[::1]x",
            "[fe80::1%eth0]",
            "[evil]",
            "ex\u{e4}mple",
            "a%2eb",
            &long,
        ] {
            assert_eq!(parse_authority(text), None, "{text}");
        }
    }

    #[test]
    fn a_prefix_is_a_path_of_the_same_host() {
        for (text, expected) in [
            ("", ""),
            ("/", ""),
            ("/ops", "/ops"),
            ("/ops/", "/ops"),
            ("/a/b-c_d.e~f/%C3%A4", "/a/b-c_d.e~f/%C3%A4"),
        ] {
            assert_eq!(parse_prefix(text).as_deref(), Some(expected), "{text}");
        }
        let long = format!("/{}", "a".repeat(256));
        for text in [
            "ops",
            "//evil",
            "/a//b",
            "/\\evil",
            "/..",
            "/a/../b",
            "/a b",
            "/a?b",
            "/a#b",
            "/\"",
            "/'",
            "/<b>",
            "https://evil",
            "//",
            &long,
        ] {
            assert_eq!(parse_prefix(text), None, "{text}");
        }
    }

    #[test]
    fn a_base_url_is_scheme_host_and_prefix() {
        let parsed = parse_base_url("HTTPS://Status.example:8443/ops/");
        let expected = (
            UrlScheme::Https,
            "status.example:8443".into(),
            "/ops".into(),
        );
        assert_eq!(parsed, Some(expected));
        for text in [
            "status.example",
            "ftp://a",
            "https://",
            "https:///ops",
            "https://u:p@a",
            "https://a/?x",
            "https://a?x",
            "https://a//b",
            "javascript://a",
        ] {
            assert_eq!(parse_base_url(text), None, "{text}");
        }
    }
}
