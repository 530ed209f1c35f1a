//! The base of links to the crate's own routes, as readers reach them.

use std::sync::OnceLock;

use crate::model::random::random_u64;
use crate::model::url_parts::{UrlScheme, parse_base_url};

/// The base of links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkBase {
    /// Such as `https://status.example:8443`; empty where the host is unknown.
    origin: String,
    /// Such as `/ops`, or `..` of relative links, without a slash at its end; empty where there is none.
    prefix: String,
}

impl LinkBase {
    /// Returns the base of a scheme, an authority and a prefix, both parsed.
    pub(crate) fn new(scheme: UrlScheme, authority: Option<&str>, prefix: String) -> Self {
        let origin = authority.map_or_else(String::new, |authority| {
            let port = match scheme {
                UrlScheme::Http => "80",
                UrlScheme::Https => "443",
            };
            let without_port = authority
                .strip_suffix(port)
                .and_then(|rest| rest.strip_suffix(':'));
            let authority = without_port.unwrap_or(authority);
            format!("{}://{authority}", scheme.as_str())
        });
        Self { origin, prefix }
    }

    /// Returns the base of a configured URL; `None` for a text that is none.
    pub(crate) fn from_url(url: &str) -> Option<Self> {
        let (scheme, authority, prefix) = parse_base_url(url)?;
        Some(Self::new(scheme, Some(&authority), prefix))
    }

    /// Returns the base of routes that are below a prefix; unchanged where it ends with that already.
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        // A prefix begins with a slash, so that it is a whole segment.
        let is_below = self.prefix.ends_with(prefix);
        if !is_below {
            self.prefix.push_str(prefix);
        }
        self
    }

    /// Returns the base for links in a document that is read at `path`, a path of the routes: relative ones, which
    /// lead to where the document was read, whatever its prefix there. Without a prefix links stay absolute
    /// paths, which hold as well if something in front took a slash off the end of the path.
    pub(crate) fn relative_to(&self, path: &str) -> Self {
        let prefix = match path.matches('/').count().saturating_sub(1) {
            _ if self.prefix.is_empty() => String::new(),
            0 => ".".to_owned(),
            levels => vec![".."; levels].join("/"),
        };
        Self {
            origin: String::new(),
            prefix,
        }
    }

    /// Returns a base that stands for another one, which takes its place in the finished text. The same in
    /// each call.
    pub(crate) fn placeholder() -> Self {
        // No text of an incident can hold it: it is a random number of this process that leaves it nowhere.
        static ORIGIN: OnceLock<String> = OnceLock::new();
        let random = || format!("http://{:016x}{:016x}.invalid", random_u64(), random_u64());
        Self {
            origin: ORIGIN.get_or_init(random).clone(),
            prefix: String::new(),
        }
    }

    /// Returns true if nothing is known: links are paths of the routes then.
    pub(crate) fn is_unknown(&self) -> bool {
        self.origin.is_empty() && self.prefix.is_empty()
    }

    /// Returns the prefix of paths; empty without one.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the URL that paths of routes are appended to; `/` where host and prefix are unknown.
    pub(crate) fn root_url(&self) -> String {
        let url = self.url("");
        if url.is_empty() { "/".into() } else { url }
    }

    /// Returns the URL of a path of a route; only the path below the prefix where the host is unknown.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_that_of_the_base_and_a_path() {
        for (text, expected) in [
            ("https://status.example", "https://status.example/status"),
            (
                "HTTPS://status.example:443/",
                "https://status.example/status",
            ),
            ("http://a:80", "http://a/status"),
            ("http://a:443", "http://a:443/status"),
            ("http://a:8080/ops/", "http://a:8080/ops/status"),
        ] {
            let base = LinkBase::from_url(text).unwrap();
            assert_eq!(base.url("/status"), expected, "{text}");
        }
        let unknown = LinkBase::new(UrlScheme::Https, None, "/ops".into());
        assert_eq!(unknown.url("/status"), "/ops/status");
        assert_eq!(LinkBase::default().root_url(), "/");
    }

    #[test]
    fn a_prefix_is_appended_once() {
        for (url, prefix, expected) in [
            ("https://a", "/ops", "https://a/ops/status"),
            ("https://a/ops/", "/ops", "https://a/ops/status"),
            ("https://a/x", "/ops", "https://a/x/ops/status"),
            ("https://a/x/ops", "/ops", "https://a/x/ops/status"),
            ("https://a/devops", "/ops", "https://a/devops/ops/status"),
            ("https://a/x", "", "https://a/x/status"),
        ] {
            let base = LinkBase::from_url(url).unwrap().below(prefix);
            assert_eq!(base.url("/status"), expected, "{url} {prefix}");
        }
    }

    #[test]
    fn a_relative_link_depends_on_the_document_and_not_on_the_prefix() {
        for prefix in ["/ops", "/t/acme/ops"] {
            let base = LinkBase::new(UrlScheme::Https, Some("a"), prefix.into());
            for (path, expected) in [
                ("/status", "./status/history"),
                ("/status/", "../status/history"),
                ("/status/history", "../status/history"),
                ("/status/history/", "../../status/history"),
            ] {
                assert_eq!(base.relative_to(path).url("/status/history"), expected);
            }
        }
        let base = LinkBase::from_url("https://a").unwrap();
        assert_eq!(base.relative_to("/status/").url("/status"), "/status");
    }
}
