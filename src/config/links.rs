//! Link targets of alerts, dashboards and runbooks.

use serde::Serialize;

use super::reader::SectionReader;
use super::validator::ConfigValidator;

/// The link targets of alerts, dashboards and runbooks.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LinksConfig {
    /// The base URL of Grafana, to which `/d/api-performance` and its like are appended.
    /// Default: `http://grafana:3000`.
    pub grafana: String,
    /// The base of the runbooks, to which `/api-error-ratio-high.md` and its like are appended: a URL,
    /// or a path. Default: `runbooks`, the folder of the repository.
    pub runbooks: String,
}

impl Default for LinksConfig {
    fn default() -> Self {
        Self {
            grafana: "http://grafana:3000".into(),
            runbooks: "runbooks".into(),
        }
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

    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("grafana", &mut self.grafana);
        section.read_field("runbooks", &mut self.runbooks);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        let is_url = ["http://", "https://"]
            .iter()
            .any(|scheme| self.grafana.len() > scheme.len() && self.grafana.starts_with(scheme));
        let shown = format!("{:?}", self.grafana);
        let allowed = "http:// or https://, a host, and perhaps a path, without ? and #";
        let fine = is_url && is_base(&self.grafana);
        validator.require(fine, "links.grafana", shown, allowed);
        let shown = format!("{:?}", self.runbooks);
        let allowed = "a URL or a path, without spaces, quotes, braces, ? and #";
        validator.require(is_base(&self.runbooks), "links.runbooks", shown, allowed);
    }
}

/// Whether a path can be appended to the text, and a template doesn't read anything into it.
fn is_base(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"'`{}<>?#".contains(c);
    !text.is_empty() && text.len() <= 255 && !text.contains(forbidden)
}
