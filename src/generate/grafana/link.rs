use serde_json::{Value, json};

/// What our dashboards are tagged with, by which they find each other.
pub(super) const TAG: &str = "vantage-obs";

/// Keeps the time range and what is chosen in the variables.
const KEEP: &str = "${__url_time_range}&${datasource:queryparam}&${environment:queryparam}&${job:queryparam}&${instance:queryparam}";

/// The links from each dashboard to the others, with the time range and the variables.
pub(super) fn to_dashboards() -> Value {
    json!([{
        "type": "dashboards",
        "title": "Dashboards",
        "tags": [TAG],
        "asDropdown": false,
        "includeVars": true,
        "keepTime": true,
        "targetBlank": false,
        "icon": "external link",
        "tooltip": "The other dashboards, with this time range and these variables",
        "url": "",
    }])
}

/// A link from a value on a panel.
#[derive(Clone, Debug)]
pub(crate) struct DataLink {
    title: String,
    url: String,
}

impl DataLink {
    /// To another of our dashboards, with the same time range and variables.
    pub(crate) fn to_dashboard(title: &str, uid: &str) -> Self {
        Self {
            title: title.into(),
            url: format!("/d/{uid}?{KEEP}"),
        }
    }

    /// To any page.
    pub(crate) fn to(title: &str, url: &str) -> Self {
        Self {
            title: title.into(),
            url: url.into(),
        }
    }

    /// As `fieldConfig.defaults.links` has it.
    pub(super) fn json(&self) -> Value {
        json!({"title": self.title, "url": self.url, "targetBlank": false})
    }

    /// The same as a link in a panel's corner, which needs more words.
    pub(super) fn panel(&self) -> Value {
        json!({
            "title": self.title,
            "url": self.url,
            "targetBlank": true,
            "type": "link",
            "icon": "external link",
            "tooltip": "",
            "tags": [],
            "asDropdown": false,
            "includeVars": false,
            "keepTime": false,
        })
    }
}
