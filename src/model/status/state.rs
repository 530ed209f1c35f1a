//! How a component is, and what that means for those who use it.

use serde::{Deserialize, Serialize};

/// How a component is. Ordered from best to worst, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComponentState {
    /// Nobody has looked.
    NoData,
    /// It works.
    Operational,
    /// It is worked on, as announced, and no outage was seen.
    UnderMaintenance,
    /// It works, slower or with a part missing.
    DegradedPerformance,
    /// It does not work for some.
    PartialOutage,
    /// It does not work.
    MajorOutage,
}

/// How bad an incident is, in Statuspage's words. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Impact {
    /// Nobody notices.
    None,
    /// Announced work.
    Maintenance,
    /// Something is slower or a part is missing.
    Minor,
    /// Something does not work for some.
    Major,
    /// Something does not work.
    Critical,
}

impl ComponentState {
    /// All, from best to worst.
    pub const ALL: [Self; 6] = [
        Self::NoData,
        Self::Operational,
        Self::UnderMaintenance,
        Self::DegradedPerformance,
        Self::PartialOutage,
        Self::MajorOutage,
    ];

    /// The word of Statuspage's API for it, such as `partial_outage`; `no_data` is ours.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::Operational => "operational",
            Self::UnderMaintenance => "under_maintenance",
            Self::DegradedPerformance => "degraded_performance",
            Self::PartialOutage => "partial_outage",
            Self::MajorOutage => "major_outage",
        }
    }

    /// The same for people, such as `Partial outage`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoData => "No data",
            Self::Operational => "Operational",
            Self::UnderMaintenance => "Under maintenance",
            Self::DegradedPerformance => "Degraded performance",
            Self::PartialOutage => "Partial outage",
            Self::MajorOutage => "Major outage",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether it counts as down.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self, Self::PartialOutage | Self::MajorOutage)
    }

    /// Returns true for a degraded performance and for outages.
    #[must_use]
    pub const fn needs_attention(self) -> bool {
        matches!(
            self,
            Self::DegradedPerformance | Self::PartialOutage | Self::MajorOutage
        )
    }

    /// What it means for those who use the component.
    #[must_use]
    pub const fn impact(self) -> Impact {
        match self {
            Self::NoData | Self::Operational => Impact::None,
            Self::UnderMaintenance => Impact::Maintenance,
            Self::DegradedPerformance => Impact::Minor,
            Self::PartialOutage => Impact::Major,
            Self::MajorOutage => Impact::Critical,
        }
    }
}

impl Impact {
    /// All, from best to worst.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Maintenance,
        Self::Minor,
        Self::Major,
        Self::Critical,
    ];

    /// The word of Statuspage's API for it: `none`, `maintenance`, `minor`, `major` or `critical`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Maintenance => "maintenance",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }

    /// The impact of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|impact| impact.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::{IncidentStatus, MaintenanceStatus};

    #[test]
    fn names_parse_back_and_worse_is_greater() {
        for state in ComponentState::ALL {
            assert_eq!(ComponentState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for impact in Impact::ALL {
            assert_eq!(Impact::parse(impact.as_str()), Some(impact));
            assert_eq!(serde_json::to_value(impact).unwrap(), impact.as_str());
        }
        for status in IncidentStatus::ALL {
            assert_eq!(IncidentStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in MaintenanceStatus::ALL {
            assert_eq!(MaintenanceStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!(ComponentState::ALL.is_sorted() && Impact::ALL.is_sorted());
        let impacts = ComponentState::ALL.map(ComponentState::impact);
        assert!(impacts.is_sorted(), "{impacts:?}");
    }
}
