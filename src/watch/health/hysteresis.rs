//! Hysteresis against flapping: a status takes effect after a number of equal runs in a row.
//!
//! | effective | runs | with `fail_after` 3, `recover_after` 2 |
//! |---|---|---|
//! | none yet | fail | fail: the first run decides alone |
//! | pass | fail, fail | still pass |
//! | pass | fail, fail, fail | fail |
//! | pass | fail, warn, fail | warn: as far as that all three agree |
//! | fail | warn, pass | warn: both are better, and warn is what both allow |
//! | fail | pass, fail, pass | still fail: the streak was broken |
//!
//! The first run is not damped, because a service must not be ready for three runs while its
//! database is away.

use crate::model::snapshot::health::HealthStatus;

/// The runs in a row after which the status changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct HysteresisThresholds {
    pub(super) fail_after: usize,
    pub(super) recover_after: usize,
}

/// The effective status, and the runs in a row that differ from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hysteresis {
    thresholds: HysteresisThresholds,
    /// `None` before the first run.
    status: Option<HealthStatus>,
    /// `None` while the latest run equals the status.
    streak: Option<RunStreak>,
}

/// A streak of runs that were all worse, or all better.
#[derive(Clone, Copy, Debug)]
struct RunStreak {
    runs: usize,
    worse: bool,
    /// The one of them that is nearest to the status that counts: as far as that, all agree.
    nearest: HealthStatus,
}

impl Hysteresis {
    pub(super) const fn new(thresholds: HysteresisThresholds) -> Self {
        Self {
            thresholds,
            status: None,
            streak: None,
        }
    }

    /// Applies one run's status and returns the effective one. The first run decides alone.
    pub(super) fn apply(&mut self, run: HealthStatus) -> HealthStatus {
        let Some(status) = self.status.filter(|status| *status != run) else {
            // A run that equals the status ends any streak: only runs in a row count.
            self.streak = None;
            return *self.status.insert(run);
        };
        let worse = run > status;
        // A streak in the other direction is no evidence for this one.
        let streak = self.streak.filter(|streak| streak.worse == worse);
        let mut streak = streak.unwrap_or(RunStreak {
            runs: 0,
            worse,
            nearest: run,
        });
        streak.runs += 1;
        let needed = if worse {
            streak.nearest = streak.nearest.min(run);
            self.thresholds.fail_after
        } else {
            streak.nearest = streak.nearest.max(run);
            self.thresholds.recover_after
        };
        if streak.runs < needed {
            self.streak = Some(streak);
            return status;
        }
        self.streak = None;
        *self.status.insert(streak.nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthStatus::{Fail, Pass, Warn};

    fn apply_all(
        fail_after: usize,
        recover_after: usize,
        runs: &[HealthStatus],
    ) -> Vec<HealthStatus> {
        let mut hysteresis = Hysteresis::new(HysteresisThresholds {
            fail_after,
            recover_after,
        });
        runs.iter().map(|run| hysteresis.apply(*run)).collect()
    }

    #[test]
    fn the_third_failure_in_a_row_fails_and_the_second_success_recovers() {
        assert_eq!(
            apply_all(3, 2, &[Pass, Fail, Fail, Fail, Pass, Fail, Pass, Pass]),
            [Pass, Pass, Pass, Fail, Fail, Fail, Fail, Pass]
        );
    }

    #[test]
    fn one_that_flaps_stays_what_it_was() {
        assert_eq!(
            apply_all(2, 2, &[Pass, Fail, Pass, Fail, Pass, Fail]),
            [Pass; 6]
        );
        assert_eq!(apply_all(2, 2, &[Fail, Pass, Fail, Pass, Fail]), [Fail; 5]);
    }

    #[test]
    fn the_first_run_decides_alone() {
        assert_eq!(apply_all(3, 2, &[Fail]), [Fail]);
        assert_eq!(apply_all(3, 2, &[Warn]), [Warn]);
    }

    #[test]
    fn without_hysteresis_each_run_counts() {
        assert_eq!(
            apply_all(1, 1, &[Pass, Fail, Warn, Pass]),
            [Pass, Fail, Warn, Pass]
        );
    }

    #[test]
    fn runs_that_were_worse_by_different_steps_agree_on_the_smaller() {
        assert_eq!(
            apply_all(3, 2, &[Pass, Fail, Warn, Fail]),
            [Pass, Pass, Pass, Warn]
        );
        assert_eq!(apply_all(3, 2, &[Fail, Pass, Warn]), [Fail, Fail, Warn]);
    }
}
