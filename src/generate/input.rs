use std::time::Duration;

use crate::config::Config;
use crate::model::slo::Objectives;

/// What files are generated from, besides what is declared in the crate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Source {
    /// Thresholds, burn windows, links, team.
    pub config: Config,
    /// The objectives whose budgets are watched.
    pub objectives: Objectives,
    /// How fast time passes.
    pub pace: Pace,
}

/// How fast time passes in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pace {
    /// As it does.
    #[default]
    Real,
    /// A minute is a second, so that a test sees within seconds what takes minutes: windows, `for` and
    /// intervals are a sixtieth. Values aren't: what compares a time with a threshold stays as it is.
    Test,
}

impl Source {
    /// Real time.
    #[must_use]
    pub fn new(config: Config, objectives: Objectives) -> Source {
        Source {
            config,
            objectives,
            pace: Pace::Real,
        }
    }

    /// The same at another pace.
    #[must_use]
    pub fn at(self, pace: Pace) -> Source {
        Source { pace, ..self }
    }
}

impl Pace {
    /// How long something takes at this pace; at the fast one whole seconds, a second at least, unless
    /// it takes no time.
    #[must_use]
    pub fn of(self, time: Duration) -> Duration {
        match self {
            Pace::Real => time,
            Pace::Test if time.is_zero() => time,
            Pace::Test => Duration::from_secs(time.as_secs().div_ceil(60).max(1)),
        }
    }
}
