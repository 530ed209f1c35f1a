//! Configuration of the status page.

mod component;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::field_value::{serialize_duration, string_enum};
use super::reader::SectionReader;
use super::validator::ConfigValidator;
use crate::model::status::ComponentState;
use crate::model::units::format_duration;

pub use component::StatusComponentConfig;

/// The path that incidents are written to.
pub(crate) const INCIDENTS_PATH: &str = "/api/v1/incidents";
/// The path of what is added to one, or to a maintenance.
pub(crate) const UPDATES_PATH: &str = "/api/v1/incidents/{incident_id}/updates";
/// The path that maintenance is written to.
pub(crate) const MAINTENANCE_PATH: &str = "/api/v1/maintenance";

/// The maximum number of components: more would not fit on a page.
const MAX_COMPONENTS: usize = 50;

/// The status page: title, time zone, components, automatic incidents.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StatusConfig {
    /// Whose status it is, such as `VANTAGE AI`: 1 to 255 bytes. Default: the service's name.
    pub title: Option<String>,
    /// The time zone that days begin in, by its name such as `Europe/Berlin`. Default: `UTC`.
    pub time_zone: String,
    /// Components beside the five that are always there (`api`, `workers`, `scheduler`, `database`,
    /// `web`), or what is different about one of those; at most 50. Default: none.
    pub components: Vec<StatusComponentConfig>,
    /// From which state on the system opens an incident. Default: `partial_outage`, because a page
    /// that speaks of every slow minute is not read any more.
    pub incident_from: IncidentFrom,
    /// For how long a component must have been in a state before the system opens an incident for it
    /// or tells of a change: more than 0, at most a day. Default: 1 min.
    #[serde(serialize_with = "serialize_duration")]
    pub open_after: Duration,
    /// For how long all components of an incident must have been well before the system resolves it:
    /// from `open_after` to a day, so that what comes and goes is one incident. Default: 5 min.
    #[serde(serialize_with = "serialize_duration")]
    pub resolve_after: Duration,
}

/// From which state on the system opens an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentFrom {
    /// From degraded performance on.
    DegradedPerformance,
    /// From a partial outage on.
    PartialOutage,
    /// For a major outage only.
    MajorOutage,
    /// Never: incidents are written by people.
    Never,
}

string_enum!(IncidentFrom {
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

impl Default for StatusConfig {
    fn default() -> Self {
        Self {
            title: None,
            time_zone: "UTC".into(),
            components: Vec::new(),
            incident_from: IncidentFrom::PartialOutage,
            open_after: Duration::from_secs(60),
            resolve_after: Duration::from_secs(300),
        }
    }
}

impl StatusConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("title", &mut self.title);
        section.read_field("time_zone", &mut self.time_zone);
        section.read_list("components", &mut self.components);
        section.read_field("incident_from", &mut self.incident_from);
        section.read_field("open_after", &mut self.open_after);
        section.read_field("resolve_after", &mut self.resolve_after);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        validator.require_optional_text("status.title", self.title.as_deref());
        let (path, zone) = ("status.time_zone", format!("{:?}", self.time_zone));
        let allowed = "the name of a time zone, such as UTC or Europe/Berlin";
        validator.require(TimeZone::get(&self.time_zone).is_ok(), path, zone, allowed);
        validator.require_duration("status.open_after", self.open_after);
        validator.require_duration("status.resolve_after", self.resolve_after);
        self.validate_order(validator);
        self.validate_components(validator);
    }

    fn validate_order(&self, validator: &mut ConfigValidator<'_>) {
        let (open, resolve) = ("status.open_after", "status.resolve_after");
        // Told where somebody set something.
        let path = if validator.is_set(resolve) {
            resolve
        } else {
            open
        };
        let shown = format!(
            "a resolve_after of {} with an open_after of {}",
            format_duration(self.resolve_after),
            format_duration(self.open_after)
        );
        let fine = self.resolve_after >= self.open_after;
        validator.require(fine, path, shown, "a resolve_after of at least open_after");
    }

    fn validate_components(&self, validator: &mut ConfigValidator<'_>) {
        let path = "status.components";
        let count = self.components.len();
        let fine = count <= MAX_COMPONENTS;
        validator.require(fine, path, format!("{count} of them"), "at most 50");
        for (index, component) in self.components.iter().enumerate() {
            let mut before = self.components.iter().take(index);
            let twice = before.any(|other| other.key == component.key);
            let shown = format!("{:?} twice", component.key);
            validator.require(!twice, path, shown, "each key once");
            component.validate(path, validator);
        }
    }
}
