//! The state of a component, and its meaning for those who use it.

use super::words::words;

words! {
    /// The state of a component. Ordered from best to worst, so that the worst of several is their maximum.
    ///
    /// ```
    /// use vantage_obs::status::{ComponentState, Impact};
    ///
    /// let worst = [ComponentState::Operational, ComponentState::PartialOutage].into_iter().max();
    /// assert_eq!(worst, Some(ComponentState::PartialOutage));
    /// assert_eq!(ComponentState::PartialOutage.impact(), Impact::Major);
    /// assert!(ComponentState::PartialOutage.is_outage());
    /// assert_eq!(ComponentState::PartialOutage.as_str(), "partial_outage");
    /// ```
    ///
    /// `UnderMaintenance` is worse than operational and better than degraded: announced work never
    /// hides trouble.
    #[derive(PartialOrd, Ord)]
    pub enum ComponentState {
        /// Not observed.
        NoData = "no_data", "No data";
        /// It works.
        Operational = "operational", "Operational";
        /// It is worked on, as announced, and no outage was seen.
        UnderMaintenance = "under_maintenance", "Under maintenance";
        /// It works, slower or with a part missing.
        DegradedPerformance = "degraded_performance", "Degraded performance";
        /// It does not work for some.
        PartialOutage = "partial_outage", "Partial outage";
        /// It does not work.
        MajorOutage = "major_outage", "Major outage";
    }
}

words! {
    /// The severity of an incident, in Statuspage's words. Ordered from best to worst.
    ///
    /// `Maintenance` stands between none and minor for the same reason.
    #[derive(PartialOrd, Ord)]
    pub enum Impact {
        /// None that users notice.
        None = "none";
        /// Announced work.
        Maintenance = "maintenance";
        /// Something is slower or a part is missing.
        Minor = "minor";
        /// Something does not work for some.
        Major = "major";
        /// Something does not work.
        Critical = "critical";
    }
}

impl ComponentState {
    /// Returns `true` if it counts as down.
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

    /// Returns the impact on users of the component.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::{IncidentStatus, MaintenanceStatus};
    use crate::model::string_enum::StringEnum as _;

    #[test]
    fn names_parse_back_and_worse_is_greater() {
        for &state in ComponentState::ALL {
            assert_eq!(ComponentState::from_word(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for &impact in Impact::ALL {
            assert_eq!(Impact::from_word(impact.as_str()), Some(impact));
            assert_eq!(serde_json::to_value(impact).unwrap(), impact.as_str());
        }
        for &status in IncidentStatus::ALL {
            assert_eq!(IncidentStatus::from_word(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for &status in MaintenanceStatus::ALL {
            assert_eq!(MaintenanceStatus::from_word(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!(ComponentState::ALL.is_sorted() && Impact::ALL.is_sorted());
        assert!(ComponentState::ALL.is_sorted_by_key(|state| state.impact()));
    }
}
