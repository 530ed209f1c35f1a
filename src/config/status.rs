//! Configuration of the status page.

mod component;

use std::time::Duration;

use jiff::tz::TimeZone;

use super::checks::{bearer_token, optional, text, up_to_a_day};
use super::field_value::config_enum;
use super::links::shown_base;
use super::secret::Secret;
use super::setting::section;
use super::validator::ConfigValidator;
use crate::model::status::ComponentState;
use crate::model::units::format_duration;
use crate::model::url_parts::parse_base_url;

pub(crate) use component::BUILT_IN_COMPONENTS;
pub use component::StatusComponentConfig;

/// The maximum number of components: more would not fit on a page.
// Each has 90 days of history, which are calculated anew at each snapshot.
const MAX_COMPONENTS: usize = 50;

section! {
    /// The status page: title, URL, time zone, components, automatic incidents.
    ///
    /// ```
    /// use vantage_obs::config::{Environment, IncidentFrom, StatusComponentConfig};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-web", Role::Web);
    /// config.status.title = Some("VANTAGE AI".into());
    /// config.status.time_zone = "Europe/Berlin".into();
    /// let mut editor = StatusComponentConfig::new("editor");
    /// editor.checks = vec!["collaboration".into()]; // a health check of this service
    /// config.status.components.push(editor);
    /// config.status.incident_from = IncidentFrom::MajorOutage;
    /// let status = config.resolve(&Environment::empty())?.config.status;
    /// assert_eq!(status.components[0].key, "editor");
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct StatusConfig, rules: check_order {
        /// The name on the pages, such as `VANTAGE AI`: 1 to 255 bytes. Default: the service's name.
        pub title: Option<String>, optional(text);
        /// The URL that readers reach the routes at, such as `https://status.example` or
        /// `https://example.com/ops`: links of pages, feed and Statuspage's API begin with it. Default: scheme, host
        /// and prefix of each request, by `Forwarded`, `X-Forwarded-*`, and its own authority. `http.prefix` follows
        /// after either, unless the URL ends with it.
        pub url: Option<String>, optional(base_url);
        /// The time zone that days begin in, by its name such as `Europe/Berlin`. Default: `UTC`.
        pub time_zone: String = "UTC".into(), known_time_zone;
        /// Components beside the five that are always there (`api`, `workers`, `scheduler`, `database`,
        /// `web`), or what is different about one of those; at most 50. Default: none.
        pub components: Vec<StatusComponentConfig>, check_components;
        /// The bearer token of those who write incidents and maintenance over HTTP; `heartbeat.token` is no
        /// substitute. Default: none, and nobody may.
        pub token: Option<Secret>, optional(bearer_token);
        /// The minimum state that opens an automatic incident. Default: `partial_outage`, because a page that
        /// reports every slow minute is not read any more.
        pub incident_from: IncidentFrom = IncidentFrom::PartialOutage;
        /// The time that a component must have been in a state before an automatic incident opens for it or announces a change: more than 0, at most a day. Default: 1 min.
        pub open_after: Duration = Duration::from_secs(60), up_to_a_day;
        /// The time that all components of an incident must have been operational before it is resolved
        /// automatically: from `open_after` to a day, so that a state that comes and goes is one incident.
        /// Default: 5 min.
        pub resolve_after: Duration = Duration::from_secs(300), up_to_a_day;
    }
}

/// The minimum state that opens an automatic incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentFrom {
    /// From degraded performance on.
    DegradedPerformance,
    /// From a partial outage on.
    PartialOutage,
    /// For a major outage only.
    MajorOutage,
    /// None: incidents are written by hand.
    Never,
}

config_enum!(IncidentFrom {
    DegradedPerformance: "degraded_performance",
    PartialOutage: "partial_outage",
    MajorOutage: "major_outage",
    Never: "never",
});

impl IncidentFrom {
    /// Returns whether a component in this state opens an incident.
    pub(crate) fn includes(self, state: ComponentState) -> bool {
        match self {
            Self::DegradedPerformance => state >= ComponentState::DegradedPerformance,
            Self::PartialOutage => state >= ComponentState::PartialOutage,
            Self::MajorOutage => state >= ComponentState::MajorOutage,
            Self::Never => false,
        }
    }
}

impl StatusConfig {
    /// Requires an incident to stay open for at least as long as it took to open.
    fn check_order(&self, _: &str, validator: &mut ConfigValidator<'_>) {
        let path = validator.responsible(&["status.resolve_after", "status.open_after"]);
        let shown = format!(
            "a resolve_after of {} with an open_after of {}",
            format_duration(self.resolve_after),
            format_duration(self.open_after)
        );
        let fine = self.resolve_after >= self.open_after;
        validator.require(fine, path, shown, "a resolve_after of at least open_after");
    }
}

fn base_url(url: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed =
        "http:// or https://, a host, and perhaps a path, without user name, password, ? and #";
    let fine = parse_base_url(url).is_some();
    validator.require(fine, path, shown_base(url), allowed);
}

/// Requires a zone of this system's database.
fn known_time_zone(name: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed = "the name of a time zone, such as UTC or Europe/Berlin";
    // Asked of the same database that the pages use: a container without zone data finds out at
    // start.
    let fine = TimeZone::get(name).is_ok();
    validator.require(fine, path, format!("{name:?}"), allowed);
}

/// Requires keys that are there once, and components that can have a state.
fn check_components(
    components: &[StatusComponentConfig],
    path: &str,
    validator: &mut ConfigValidator<'_>,
) {
    let count = components.len();
    let fine = count <= MAX_COMPONENTS;
    validator.require(fine, path, format!("{count} of them"), "at most 50");
    for (index, component) in components.iter().enumerate() {
        let mut before = components.iter().take(index);
        let twice = before.any(|other| other.key == component.key);
        let shown = format!("{:?} twice", component.key);
        validator.require(!twice, path, shown, "each key once");
        component.validate(path, validator);
    }
}
