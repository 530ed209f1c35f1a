//! The public status of a service: components and their states, incidents, maintenance and
//! uptime, as plain values.
//!
//! Why types apart from those of health? Because nothing of what a check found may get out: what is
//! defined here has no room for an error text, a host or a worker's id, so that a page made of it
//! cannot show one. Free text is what a person wrote for the public, or what was made of a
//! component's name and the words of its state.

mod words;

pub(crate) mod calendar;
mod component;
mod id;
mod incident;
mod maintenance;
mod snapshot;
mod state;
pub(crate) mod timeline;
mod update;
mod uptime;

pub use component::ComponentStatus;
pub use id::{StatusId, StatusIdError};
pub use incident::{Incident, IncidentStatus};
pub use maintenance::{MaintenanceStatus, ScheduledMaintenance};
pub(crate) use snapshot::LatestStatus;
pub use snapshot::StatusSnapshot;
pub use state::{ComponentState, Impact};
pub use update::{AffectedComponent, Author, StatusUpdate};
pub use uptime::{StateDurations, UptimeDay, UptimePercent};
