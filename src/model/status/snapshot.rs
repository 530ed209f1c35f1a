//! Everything that the public is told, at one moment.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::{ComponentState, ComponentStatus, Incident, ScheduledMaintenance};

/// Everything that the public is told, at one moment. It never changes; another one takes its place.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// test.tick(); // in a service: within a second
/// let status = telemetry.incidents().status().expect("an API shows it");
/// assert_eq!(&*status.title, "test"); // the service's name, unless `status.title` is set
/// assert_eq!(status.unresolved().count(), 0);
/// # }
/// ```
///
/// Every page, feed and JSON document is made of one snapshot: what they say at the same time
/// agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusSnapshot {
    /// The name of the service on the pages.
    pub title: Arc<str>,
    /// The name of the time zone that days are of, such as `Europe/Berlin`.
    pub time_zone: Arc<str>,
    /// The moment that it is of.
    pub taken_at: Timestamp,
    /// Since when the store has been away; `None` while it is there. States are always those of
    /// `taken_at`; incidents, maintenance and what others saw are as they were when it went away.
    pub store_away_since: Option<Timestamp>,
    /// Since when nothing is known of workers and schedulers whose heartbeats come through the store; `None` while it
    /// can be read, and where no heartbeat comes through it. They count in no state and in no uptime.
    pub workers_unknown_since: Option<Timestamp>,
    /// In the order of the configuration.
    pub components: Vec<ComponentStatus>,
    /// The incidents of the last 90 days and the open ones, newest first.
    pub incidents: Vec<Incident>,
    /// The maintenance of the last 90 days and to come, the latest to begin first.
    pub maintenances: Vec<ScheduledMaintenance>,
}

/// The latest snapshot, if there was one yet. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestStatus(Arc<ArcSwapOption<StatusSnapshot>>);

impl StatusSnapshot {
    /// The number of days of a component.
    pub const DAYS: usize = 90;

    /// Returns the state of the worst component.
    #[must_use]
    pub fn worst(&self) -> ComponentState {
        let states = self.components.iter().map(|component| component.state);
        // No component is no data, and not "operational".
        states.max().unwrap_or(ComponentState::NoData)
    }

    /// Incidents that are not over, the newest first.
    pub fn unresolved(&self) -> impl Iterator<Item = &Incident> {
        let incidents = self.incidents.iter();
        incidents.filter(|incident| !incident.is_resolved())
    }
}

impl LatestStatus {
    /// `None` before the first one.
    pub(crate) fn read(&self) -> Option<Arc<StatusSnapshot>> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, snapshot: StatusSnapshot) {
        self.0.store(Some(Arc::new(snapshot)));
    }
}
