//! States in words, and the sign and pattern that go with each.

use crate::model::status::{ComponentState, Impact, StatusSnapshot};

/// How everything is together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overall {
    /// The worst of components and incidents.
    pub(crate) impact: Impact,
    /// Whether anything is known at all.
    pub(crate) known: bool,
    pub(super) tone: &'static str,
    pub(super) words: &'static str,
}

impl Overall {
    pub(crate) fn of(snapshot: &StatusSnapshot) -> Self {
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
        let (tone, words) = match impact {
            Impact::None if !known => ("none", "No data yet"),
            Impact::None if incomplete => ("ok", "All systems that report are operational"),
            Impact::None => ("ok", "All systems operational"),
            Impact::Maintenance => ("maint", "Maintenance under way"),
            Impact::Minor => ("deg", "Degraded performance"),
            Impact::Major => ("part", "Partial outage"),
            Impact::Critical => ("major", "Major outage"),
        };
        Self {
            impact,
            known,
            tone,
            words,
        }
    }
}

/// The sign and pattern of a component's state.
pub(super) const fn tone_of_state(state: ComponentState) -> &'static str {
    match state {
        ComponentState::NoData => "none",
        ComponentState::Operational => "ok",
        ComponentState::UnderMaintenance => "maint",
        ComponentState::DegradedPerformance => "deg",
        ComponentState::PartialOutage => "part",
        ComponentState::MajorOutage => "major",
    }
}

/// The same of an incident that goes on.
pub(super) const fn tone_of_impact(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "none",
        Impact::Maintenance => "maint",
        Impact::Minor => "deg",
        Impact::Major => "part",
        Impact::Critical => "major",
    }
}

pub(super) const fn impact(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "No impact",
        Impact::Maintenance => "Maintenance",
        Impact::Minor => "Minor impact",
        Impact::Major => "Major impact",
        Impact::Critical => "Critical impact",
    }
}

/// Text without what can't be seen, or can't be in XML: control characters, and those that turn the
/// direction of what follows them.
pub(crate) fn readable(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().filter(|c| !hidden(*c)).collect()
}
