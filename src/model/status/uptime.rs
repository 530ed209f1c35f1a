//! Uptime as whole seconds, and the number that follows from them.

use std::fmt;

use jiff::civil::Date;
use serde::Serialize;

use super::ComponentState;
use crate::model::string_enum::StringEnum as _;

/// The seconds of a period by the state of a component. Each second is in one of the first six
/// and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StateDurations {
    /// It worked.
    pub operational: u64,
    /// It worked, slower or with a part missing.
    pub degraded_performance: u64,
    /// It did not work for some.
    pub partial_outage: u64,
    /// It did not work.
    pub major_outage: u64,
    /// Announced work, and no outage seen.
    pub maintenance: u64,
    /// Not observed, or still to come.
    pub no_data: u64,
    /// Seconds of outages during announced work. They count as outages.
    pub outage_in_maintenance: u64,
}

/// The uptime of one day of a component, in the configured time zone: from midnight to midnight, which may be 23 or
/// 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UptimeDay {
    /// The date.
    pub date: Date,
    /// Its seconds; those of today that have yet to come are without data.
    pub seconds: StateDurations,
}

/// A percentage with three decimals, rounded down: 100 is only shown where no second was down.
///
/// Rounded down, because 99.9996 shown as 100.000 would claim that nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UptimePercent(u32);

impl StateDurations {
    /// The formula of [`uptime`](Self::uptime), for people.
    pub const FORMULA: &'static str = "(operational + degraded performance) / (operational + \
        degraded performance + partial outage + major outage), in seconds, rounded down; \
        maintenance without an outage and time without data are left out";

    /// Returns the sum of the first six fields, in seconds.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.up() + self.down() + self.maintenance + self.no_data
    }

    /// Returns the seconds that count as up: operational and degraded performance.
    #[must_use]
    pub const fn up(&self) -> u64 {
        self.operational + self.degraded_performance
    }

    /// Returns the seconds that count as down: partial and major outages.
    #[must_use]
    pub const fn down(&self) -> u64 {
        self.partial_outage + self.major_outage
    }

    /// Returns the share that was up, by [`FORMULA`](Self::FORMULA); `None` where no second counts.
    #[must_use]
    pub fn uptime(&self) -> Option<UptimePercent> {
        // 128 bits: the product of seconds and 100,000 overflows 64 bits only after five million
        // years, but a sum of damaged rows may.
        let (up, counted) = (u128::from(self.up()), u128::from(self.up() + self.down()));
        let thousandths = (up * 100_000).checked_div(counted)?;
        u32::try_from(thousandths).ok().map(UptimePercent)
    }

    /// Returns the worst state that a second of it was in.
    #[must_use]
    pub const fn worst(&self) -> ComponentState {
        if self.major_outage > 0 {
            ComponentState::MajorOutage
        } else if self.partial_outage > 0 {
            ComponentState::PartialOutage
        } else if self.degraded_performance > 0 {
            ComponentState::DegradedPerformance
        } else if self.maintenance > 0 {
            ComponentState::UnderMaintenance
        } else if self.operational > 0 {
            ComponentState::Operational
        } else {
            ComponentState::NoData
        }
    }

    /// Returns the seconds in a state.
    #[must_use]
    pub const fn in_state(&self, state: ComponentState) -> u64 {
        match state {
            ComponentState::NoData => self.no_data,
            ComponentState::Operational => self.operational,
            ComponentState::UnderMaintenance => self.maintenance,
            ComponentState::DegradedPerformance => self.degraded_performance,
            ComponentState::PartialOutage => self.partial_outage,
            ComponentState::MajorOutage => self.major_outage,
        }
    }

    /// The one place that ties a state to its field for writing; `in_state` is its twin for
    /// reading.
    pub(crate) const fn in_state_mut(&mut self, state: ComponentState) -> &mut u64 {
        match state {
            ComponentState::NoData => &mut self.no_data,
            ComponentState::Operational => &mut self.operational,
            ComponentState::UnderMaintenance => &mut self.maintenance,
            ComponentState::DegradedPerformance => &mut self.degraded_performance,
            ComponentState::PartialOutage => &mut self.partial_outage,
            ComponentState::MajorOutage => &mut self.major_outage,
        }
    }
}

impl std::ops::AddAssign for StateDurations {
    fn add_assign(&mut self, other: Self) {
        for &state in ComponentState::ALL {
            *self.in_state_mut(state) += other.in_state(state);
        }
        self.outage_in_maintenance += other.outage_in_maintenance;
    }
}

impl UptimePercent {
    /// Returns the value in thousandths of a percent: 0 to 100,000.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for UptimePercent {
    /// Such as `99.982`, always with three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uptime(operational: u64, major_outage: u64) -> Option<String> {
        let seconds = StateDurations {
            operational,
            major_outage,
            maintenance: 7,
            no_data: 9,
            ..StateDurations::default()
        };
        seconds.uptime().map(|uptime| uptime.to_string())
    }

    #[test]
    fn uptime_is_rounded_down_and_one_second_is_seen() {
        assert_eq!(uptime(90 * 86_400, 0).as_deref(), Some("100.000"));
        assert_eq!(uptime(90 * 86_400 - 1, 1).as_deref(), Some("99.999"));
        assert_eq!(uptime(2, 1).as_deref(), Some("66.666"));
        assert_eq!(uptime(0, 1).as_deref(), Some("0.000"));
        assert_eq!(uptime(0, 0), None);
    }

    #[test]
    fn the_worst_second_names_a_day() {
        let mut seconds = StateDurations::default();
        for &state in ComponentState::ALL {
            *seconds.in_state_mut(state) += 1;
            assert_eq!(seconds.worst(), state);
        }
        assert_eq!(seconds.total(), 6);
    }
}
