//! Link targets of alerts, dashboards and runbooks.

use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// The link targets of alerts, dashboards and runbooks.
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

fn check_grafana(url: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    let allowed = "http:// or https://, a host, and perhaps a path, without ? and #";
    validator.require(is_url && is_base(url), path, format!("{url:?}"), allowed);
}

fn check_runbooks(base: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed = "a URL or a path, without spaces, quotes, braces, ? and #";
    validator.require(is_base(base), path, format!("{base:?}"), allowed);
}

/// Whether a path can be appended to the text, and a template doesn't read anything into it.
fn is_base(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"'`{}<>?#".contains(c);
    !text.is_empty() && text.len() <= 255 && !text.contains(forbidden)
}
