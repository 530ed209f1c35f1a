//! Incidents, maintenance and updates as a person writes them, before validation.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::status::{ComponentState, Impact, IncidentStatus, MaintenanceStatus};

/// An incident to open by hand.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::incidents::NewIncident;
/// use vantage_obs::status::{ComponentState, Impact};
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let incidents = test.telemetry().incidents();
/// let incident = NewIncident::new("Payments are slow", "We are looking into it.")
///     .component("api", ComponentState::DegradedPerformance);
/// incidents.open_blocking(incident)?;
/// let shown = incidents.status().expect("an API shows it");
/// assert_eq!(shown.incidents[0].impact, Impact::Minor); // that of its worst component
/// # }
/// # Ok::<(), vantage_obs::incidents::IncidentError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it is written by `Incidents::open`"]
pub struct NewIncident {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) impact: Option<Impact>,
    pub(super) status: Option<IncidentStatus>,
    pub(super) components: BTreeMap<String, ComponentState>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) draft: bool,
}

/// An update of an incident or a maintenance.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::incidents::{NewIncident, NewUpdate};
/// use vantage_obs::status::IncidentStatus;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let incidents = test.telemetry().incidents();
/// let id = incidents.open_blocking(NewIncident::new("Posts are late", "We are looking into it."))?;
/// let update = NewUpdate::new("The queue is empty again.").status(IncidentStatus::Resolved);
/// incidents.update_blocking(id, update)?;
/// let shown = incidents.status().expect("an API shows it");
/// assert_eq!(shown.incidents[0].updates.len(), 2);
/// assert!(shown.incidents[0].is_resolved());
/// # }
/// # Ok::<(), vantage_obs::incidents::IncidentError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it is written by `Incidents::update`"]
pub struct NewUpdate {
    pub(super) body: String,
    pub(super) status: Option<NewStatus>,
    pub(super) title: Option<String>,
    pub(super) impact: Option<Impact>,
    pub(super) components: BTreeMap<String, ComponentState>,
    pub(super) scheduled_until: Option<Timestamp>,
    pub(super) publish: bool,
}

/// A status of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewStatus {
    Incident(IncidentStatus),
    Maintenance(MaintenanceStatus),
}

/// A maintenance to announce.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// use vantage_obs::incidents::NewMaintenance;
/// use vantage_obs::jiff::Timestamp;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let incidents = test.telemetry().incidents();
/// let now = Timestamp::try_from(test.clock().wall())?;
/// let (from, to) = (now + Duration::from_secs(3_600), now + Duration::from_secs(7_200));
/// let maintenance = NewMaintenance::new("The database moves", "Posting pauses.", from, to)
///     .component("database");
/// incidents.announce_blocking(maintenance)?;
/// let shown = incidents.status().expect("an API shows it");
/// assert!(shown.maintenances[0].is_upcoming());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is written by `Incidents::announce`"]
pub struct NewMaintenance {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) components: Vec<String>,
    pub(super) scheduled_for: Timestamp,
    pub(super) scheduled_until: Timestamp,
    pub(super) draft: bool,
}

impl NewIncident {
    /// Creates an incident with a title of one line and the first entry of its timeline. Both are public.
    pub fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: body.into(),
            ..Self::default()
        }
    }

    /// Adds a component that it concerns, by its key, with its state. Nothing that was seen is made
    /// better by it.
    pub fn component(mut self, key: impl Into<String>, state: ComponentState) -> Self {
        self.components.insert(key.into(), state);
        self
    }

    /// Sets the impact. Default: that of the worst of its components.
    pub const fn impact(mut self, impact: Impact) -> Self {
        self.impact = Some(impact);
        self
    }

    /// Sets the status. Default: investigating.
    pub const fn status(mut self, status: IncidentStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the time at which it began, at most 90 days ago. Default: now.
    pub const fn started_at(mut self, at: Timestamp) -> Self {
        self.started_at = Some(at);
        self
    }

    /// Keeps it from the public until an update [`publish`](NewUpdate::publish)es it.
    pub const fn draft(mut self) -> Self {
        self.draft = true;
        self
    }
}

impl NewUpdate {
    /// Creates an update with this entry of the timeline, which is public.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    /// Sets the status of the incident from then on.
    pub const fn status(mut self, status: IncidentStatus) -> Self {
        self.status = Some(NewStatus::Incident(status));
        self
    }

    /// Sets the status of the maintenance from then on.
    pub const fn maintenance_status(mut self, status: MaintenanceStatus) -> Self {
        self.status = Some(NewStatus::Maintenance(status));
        self
    }

    /// Sets another title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets another impact.
    pub const fn impact(mut self, impact: Impact) -> Self {
        self.impact = Some(impact);
        self
    }

    /// Sets the state of a component from then on.
    pub fn component(mut self, key: impl Into<String>, state: ComponentState) -> Self {
        self.components.insert(key.into(), state);
        self
    }

    /// Sets another end of a maintenance.
    pub const fn scheduled_until(mut self, at: Timestamp) -> Self {
        self.scheduled_until = Some(at);
        self
    }

    /// Shows a draft to the public.
    pub const fn publish(mut self) -> Self {
        self.publish = true;
        self
    }
}

impl NewMaintenance {
    /// Creates maintenance from one time to another, at most 31 days, with a title of one line and a first entry of
    /// its timeline. It begins and ends by the clock; an update may end it earlier.
    pub fn new(
        title: impl Into<String>,
        body: impl Into<String>,
        scheduled_for: Timestamp,
        scheduled_until: Timestamp,
    ) -> Self {
        Self {
            title: title.into(),
            body: body.into(),
            components: Vec::new(),
            scheduled_for,
            scheduled_until,
            draft: false,
        }
    }

    /// Adds a component that is worked on, by its key.
    pub fn component(mut self, key: impl Into<String>) -> Self {
        self.components.push(key.into());
        self
    }

    /// Keeps it from the public until an update [`publish`](NewUpdate::publish)es it.
    pub const fn draft(mut self) -> Self {
        self.draft = true;
        self
    }
}
