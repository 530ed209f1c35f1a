//! Affected components and updates, common to incidents and maintenance.

use std::sync::Arc;

use jiff::Timestamp;

use super::words::words;
use super::{ComponentState, StatusId};

/// A component affected by an incident or maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AffectedComponent {
    /// The component's id.
    pub id: StatusId,
    /// The component's key, such as `api`.
    pub key: Arc<str>,
    /// The component's name, such as `API`.
    pub name: Arc<str>,
    /// The state according to the incident; in maintenance always
    /// [`UnderMaintenance`](ComponentState::UnderMaintenance).
    pub state: ComponentState,
}

words! {
    /// The author of an entry.
    ///
    /// After an update by a person automation leaves an incident alone.
    pub enum Author {
        /// Made from the states of components.
        System = "system";
        /// Written by a person.
        Person = "person";
    }
}

/// One entry of a timeline, with the status `S` that it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusUpdate<S> {
    /// The entry's id.
    pub id: StatusId,
    /// The status of the incident or maintenance from then on.
    pub status: S,
    /// The text for the public, plain, lines separated by `\n`.
    pub body: Arc<str>,
    /// The time at which it was written.
    pub at: Timestamp,
    /// The author.
    pub author: Author,
    /// The components that it says something new of, with their states from then on.
    pub affected: Vec<AffectedComponent>,
}
