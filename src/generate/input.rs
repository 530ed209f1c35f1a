use std::time::Duration;

use crate::config::Config;
use crate::model::alerts::DashboardId;
use crate::model::slo::Objectives;

/// The input of the generator, besides the declarations of the crate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GenerateInput {
    /// Thresholds, burn windows, links, team.
    pub config: Config,
    /// The objectives whose budgets are watched.
    pub objectives: Objectives,
    /// The time scale of rules. Default: [`TimeScale::Real`].
    pub time_scale: TimeScale,
}

/// The time scale of generated rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TimeScale {
    /// Real time.
    #[default]
    Real,
    /// A minute is a second, so that a test sees within seconds what takes minutes: windows, `for` and
    /// intervals are a sixtieth. Values aren't: what compares a time with a threshold stays as it is.
    Test,
}

impl GenerateInput {
    /// Returns an input in real time.
    #[must_use]
    pub fn new(config: Config, objectives: Objectives) -> GenerateInput {
        GenerateInput {
            config,
            objectives,
            time_scale: TimeScale::Real,
        }
    }

    /// Returns true if a dashboard is generated, with its alerts and their pages: that of figures where some
    /// are shown or watched, that of the figures that the library ships where `business` is on.
    pub(super) fn has_dashboard(&self, dashboard: DashboardId) -> bool {
        match dashboard {
            DashboardId::Business => self.config.business,
            DashboardId::Figures => {
                let mut figures = self.config.figures.iter();
                figures.any(|figure| figure.panel || figure.is_watched())
            }
            _ => true,
        }
    }

    /// Sets the time scale.
    #[must_use]
    pub fn with_time_scale(self, time_scale: TimeScale) -> GenerateInput {
        GenerateInput { time_scale, ..self }
    }
}

impl TimeScale {
    /// Scales a duration; in the test scale to whole seconds, a second at least, unless it is zero.
    #[must_use]
    pub(crate) fn scale(self, duration: Duration) -> Duration {
        match self {
            TimeScale::Real => duration,
            TimeScale::Test if duration.is_zero() => duration,
            // Rounded up and never 0: Prometheus refuses an interval of 0.
            TimeScale::Test => Duration::from_secs(duration.as_secs().div_ceil(60).max(1)),
        }
    }
}
