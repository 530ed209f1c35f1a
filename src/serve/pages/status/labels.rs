//! Labels of states, and the tone for the icon and pattern of each.

use crate::model::status::{ComponentState, Impact, StatusSnapshot};

/// The overall status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverallStatus {
    /// The worst of components and incidents.
    pub(crate) impact: Impact,
    /// True if any component has data.
    pub(crate) has_data: bool,
    pub(super) tone: &'static str,
    pub(super) label: &'static str,
}

impl OverallStatus {
    /// Returns the worst of components, unresolved incidents and active maintenance.
    pub(crate) fn from_snapshot(snapshot: &StatusSnapshot) -> Self {
        let unknown = |state| state == ComponentState::NoData;
        let mut states = snapshot.components.iter().map(|component| component.state);
        let incomplete = states.clone().any(unknown);
        let known = !states.all(unknown);
        let impacts = snapshot.unresolved().map(|incident| incident.impact);
        let active = snapshot.maintenances.iter().any(|one| one.is_active());
        let impact = impacts
            .chain([snapshot.worst().impact()])
            .chain(active.then_some(Impact::Maintenance))
            .max()
            .unwrap_or(Impact::None);
        let (tone, label) = match impact {
            Impact::None if !known => ("none", "No data yet"),
            // Not "all systems": some have said nothing.
            Impact::None if incomplete => ("ok", "All systems that report are operational"),
            Impact::None => ("ok", "All systems operational"),
            Impact::Maintenance => ("maint", "Maintenance under way"),
            Impact::Minor => ("deg", "Degraded performance"),
            Impact::Major => ("part", "Partial outage"),
            Impact::Critical => ("major", "Major outage"),
        };
        Self {
            impact,
            has_data: known,
            tone,
            label,
        }
    }
}

/// Returns the tone of a component's state.
pub(super) const fn state_tone(state: ComponentState) -> &'static str {
    match state {
        ComponentState::NoData => "none",
        ComponentState::Operational => "ok",
        ComponentState::UnderMaintenance => "maint",
        ComponentState::DegradedPerformance => "deg",
        ComponentState::PartialOutage => "part",
        ComponentState::MajorOutage => "major",
    }
}

/// Returns the tone of an unresolved incident.
pub(super) const fn impact_tone(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "none",
        Impact::Maintenance => "maint",
        Impact::Minor => "deg",
        Impact::Major => "part",
        Impact::Critical => "major",
    }
}

pub(super) const fn impact_label(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "No impact",
        Impact::Maintenance => "Maintenance",
        Impact::Minor => "Minor impact",
        Impact::Major => "Major impact",
        Impact::Critical => "Critical impact",
    }
}
