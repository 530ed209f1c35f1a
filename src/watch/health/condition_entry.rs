use std::sync::Arc;

use crate::model::snapshot::health::{CHECK_ID_ALLOWED, ConditionState, is_check_id};

/// A condition of start-up in the registry.
#[derive(Debug)]
pub(super) struct ConditionEntry {
    pub(super) id: u64,
    name: Arc<str>,
    pub(super) met: bool,
}

impl ConditionEntry {
    /// A name that can't be shown is replaced; the condition counts all the same.
    pub(super) fn new(id: u64, name: &str) -> Self {
        let name = if is_check_id(name) {
            name.into()
        } else {
            tracing::error!(
                condition = ?name,
                allowed = CHECK_ID_ALLOWED,
                "a start-up condition has an invalid name and was renamed"
            );
            format!("condition-{id}").into()
        };
        Self {
            id,
            name,
            met: false,
        }
    }

    pub(super) fn state(&self) -> ConditionState {
        ConditionState {
            name: Arc::clone(&self.name),
            met: self.met,
        }
    }
}
