//! Link targets of alerts, dashboards and runbooks.
//!
//! These texts are copied into alerts, dashboards and Markdown, each of which reads some characters
//! as its own: a brace starts a template, a quote ends an attribute. Such characters are refused
//! here once, instead of being escaped in three places.

use super::secret::MASK;
use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// The link targets of alerts, dashboards and runbooks.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_LINKS_GRAFANA", "https://ada:pw@grafana")]);
    /// let error = Config::new("vantage-api", Role::Api).resolve(&environment).unwrap_err();
    /// assert_eq!(error.faults().len(), 1, "links go into alerts, and passwords don't");
    /// ```
    pub struct LinksConfig {
        /// The base URL of Grafana, to which `/d/api-performance` and its like are appended.
        /// Default: `http://grafana:3000`.
        pub grafana: String = "http://grafana:3000".into(), check_grafana;
        /// The base of the runbooks, to which `/api-error-ratio-high.md` and its like are appended: a URL,
        /// or a path. Default: `runbooks`, the folder of the repository.
        pub runbooks: String = "runbooks".into(), check_runbooks;
    }
}

impl LinksConfig {
    /// The page of a dashboard.
    #[must_use]
    pub fn dashboard(&self, uid: &str) -> String {
        format!("{}/d/{uid}", self.grafana.trim_end_matches('/'))
    }

    /// The page of a runbook, by its name without `.md`.
    #[must_use]
    pub fn runbook(&self, name: &str) -> String {
        format!("{}/{name}.md", self.runbooks.trim_end_matches('/'))
    }
}

/// Requires an absolute URL: dashboards and notifications are read on other hosts.
fn check_grafana(url: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    let allowed =
        "http:// or https://, a host, and perhaps a path, without user name, password, ? and #";
    validator.require(is_url && is_base(url), path, shown_base(url), allowed);
}

/// Requires a base to which a file's name can be appended; a path is fine, for people who read the
/// repository.
fn check_runbooks(base: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed = "a URL or a path, without user name, password, spaces, quotes, braces, ? and #";
    validator.require(is_base(base), path, shown_base(base), allowed);
}

/// Returns whether a path can be appended to the text, a template doesn't read anything into it, and no
/// password would be copied into each rule.
fn is_base(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"'`{}<>?#".contains(c);
    let plain = !text.is_empty() && text.len() <= 255 && !text.contains(forbidden);
    plain && !authority(text).contains('@') && has_plain_port(authority(text))
}

/// A port that is no number is a password with a slash in it.
fn has_plain_port(authority: &str) -> bool {
    let host = authority
        .rsplit_once(']')
        .map_or(authority, |(_, rest)| rest);
    host.split_once(':')
        .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns host, port and user name of a URL; of a path, nothing.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '\\']).next().unwrap_or_default()
}

/// Returns the text as a message may show it.
pub(super) fn shown_base(text: &str) -> String {
    match authority(text).rsplit_once('@') {
        Some((user, _)) => format!("{:?}", text.replace(user, MASK)),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_holds_no_credentials_and_no_template() {
        for good in [
            "runbooks",
            "https://h/a@b",
            "http://h:3000/x",
            "/docs",
            "//h/x",
        ] {
            assert!(is_base(good), "{good}");
        }
        for bad in [
            "http://u:p@h",
            "https://u@h:1/x",
            "//u:p@h",
            "https://h/{{ $value }}",
            "http://u:p/w@h",
            "",
        ] {
            assert!(!is_base(bad), "{bad}");
        }
        assert_eq!(shown_base("http://u:p@h/x"), r#""http://***@h/x""#);
    }
}
