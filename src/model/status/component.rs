//! A component of the status page.

use std::sync::Arc;

use jiff::Timestamp;

use super::{ComponentState, StateDurations, StatusId, UptimeDay};

/// The status of a component: a part of the service as its users know it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentStatus {
    /// Its id, which follows from its key.
    pub id: StatusId,
    /// Its key, such as `api`.
    pub key: Arc<str>,
    /// Its name, such as `API`.
    pub name: Arc<str>,
    /// The description, in one sentence.
    pub description: Option<Arc<str>>,
    /// The present state. In maintenance an outage is shown as an outage.
    pub state: ComponentState,
    /// Since when it has been in that state; the time of the snapshot where nothing is known.
    pub since: Timestamp,
    /// The time of the first observation, within the days that are kept.
    pub first_seen: Timestamp,
    /// `true` during announced maintenance.
    pub in_maintenance: bool,
    /// The last 90 days in the configured time zone, oldest first; today is the last one.
    pub days: Vec<UptimeDay>,
    /// All of these days together; [`StateDurations::uptime`] is the number, [`StateDurations::FORMULA`] says how.
    pub seconds: StateDurations,
}
