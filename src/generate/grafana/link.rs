use serde_json::{Value, json};

/// The tag of our dashboards, by which they find each other.
pub(super) const TAG: &str = "vantage-obs";

/// The URL parameters that keep the time range and the variables.
/// Without them a link would open the other dashboard on all services and the last hour.
const KEPT_PARAMETERS: &str = "${__url_time_range}&${datasource:queryparam}&${environment:queryparam}&${job:queryparam}&${instance:queryparam}";

/// Returns the links from each dashboard to the others, with the time range and the variables.
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
    /// Returns a link to another of our dashboards, with the same time range and variables.
    pub(crate) fn to_dashboard(title: &str, uid: &str) -> Self {
        Self {
            title: title.into(),
            url: format!("/d/{uid}?{KEPT_PARAMETERS}"),
        }
    }

    /// Returns a link to any page.
    pub(crate) fn to_url(title: &str, url: &str) -> Self {
        Self {
            title: title.into(),
            url: url.into(),
        }
    }

    /// Returns the entry of `fieldConfig.defaults.links`.
    pub(super) fn to_json(&self) -> Value {
        json!({"title": self.title, "url": self.url, "targetBlank": false})
    }

    /// Returns the same as a link in a panel's corner, which needs more fields.
    pub(super) fn to_panel_link(&self) -> Value {
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
