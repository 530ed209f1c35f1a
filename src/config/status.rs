//! What the status page is called, what it shows, and when it speaks of an incident.

mod component;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::check::Check;
use super::reader::Section;
use super::setting::{duration, words};
use crate::model::status::ComponentState;
use crate::model::units::format_duration;

pub use component::StatusComponent;

/// The path that incidents are written to.
pub(crate) const INCIDENTS_PATH: &str = "/api/v1/incidents";
/// The path of what is added to one, or to a maintenance.
pub(crate) const UPDATES_PATH: &str = "/api/v1/incidents/{incident_id}/updates";
/// The path that maintenance is written to.
pub(crate) const MAINTENANCE_PATH: &str = "/api/v1/maintenance";

/// How many components a page may have: more would not fit on one.
const MOST_COMPONENTS: usize = 50;

/// What the status page is called, what it shows, and when it speaks of an incident.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Whose status it is, such as `VANTAGE AI`: 1 to 255 bytes. Default: the service's name.
    pub title: Option<String>,
    /// The time zone that days begin in, by its name such as `Europe/Berlin`. Default: `UTC`.
    pub time_zone: String,
    /// Components beside the five that are always there (`api`, `workers`, `scheduler`, `database`,
    /// `web`), or what is different about one of those; at most 50. Default: none.
    pub components: Vec<StatusComponent>,
    /// From which state on the system opens an incident. Default: `partial_outage`, because a page
    /// that speaks of every slow minute is not read any more.
    pub incident_from: IncidentFrom,
    /// For how long a component must have been in a state before the system opens an incident for it
    /// or tells of a change: more than 0, at most a day. Default: 1 min.
    #[serde(serialize_with = "duration")]
    pub open_after: Duration,
    /// For how long all components of an incident must have been well before the system resolves it:
    /// from `open_after` to a day, so that what comes and goes is one incident. Default: 5 min.
    #[serde(serialize_with = "duration")]
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

words!(IncidentFrom {
    DegradedPerformance: "degraded_performance",
    PartialOutage: "partial_outage",
    MajorOutage: "major_outage",
    Never: "never",
});

impl IncidentFrom {
    /// Whether a component in this state is a reason for an incident.
    pub(crate) fn is_met_by(self, state: ComponentState) -> bool {
        match self {
            Self::DegradedPerformance => state >= ComponentState::DegradedPerformance,
            Self::PartialOutage => state >= ComponentState::PartialOutage,
            Self::MajorOutage => state >= ComponentState::MajorOutage,
            Self::Never => false,
        }
    }
}

impl Default for Status {
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

impl Status {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("title", &mut self.title);
        section.field("time_zone", &mut self.time_zone);
        section.list("components", &mut self.components);
        section.field("incident_from", &mut self.incident_from);
        section.field("open_after", &mut self.open_after);
        section.field("resolve_after", &mut self.resolve_after);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.optional_text("status.title", self.title.as_deref());
        let (path, zone) = ("status.time_zone", format!("{:?}", self.time_zone));
        let allowed = "the name of a time zone, such as UTC or Europe/Berlin";
        check.require(TimeZone::get(&self.time_zone).is_ok(), path, zone, allowed);
        check.duration("status.open_after", self.open_after);
        check.duration("status.resolve_after", self.resolve_after);
        self.check_order(check);
        self.check_components(check);
    }

    fn check_order(&self, check: &mut Check<'_>) {
        let (open, resolve) = ("status.open_after", "status.resolve_after");
        // Told where somebody set something.
        let path = if check.is_set(resolve) { resolve } else { open };
        let shown = format!(
            "a resolve_after of {} with an open_after of {}",
            format_duration(self.resolve_after),
            format_duration(self.open_after)
        );
        let fine = self.resolve_after >= self.open_after;
        check.require(fine, path, shown, "a resolve_after of at least open_after");
    }

    fn check_components(&self, check: &mut Check<'_>) {
        let path = "status.components";
        let count = self.components.len();
        let fine = count <= MOST_COMPONENTS;
        check.require(fine, path, format!("{count} of them"), "at most 50");
        for (index, component) in self.components.iter().enumerate() {
            let mut before = self.components.iter().take(index);
            let twice = before.any(|other| other.key == component.key);
            let shown = format!("{:?} twice", component.key);
            check.require(!twice, path, shown, "each key once");
            component.check(path, check);
        }
    }
}
