//! Keeps a check that flaps from flapping: so many runs in a row must say the same before it counts.

use crate::model::snapshot::health::Status;

/// How many runs in a row it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damping {
    pub(super) fail_after: usize,
    pub(super) recover_after: usize,
}

/// The status that counts, and the runs in a row that speak against it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damper {
    damping: Damping,
    status: Option<Status>,
    row: Option<Row>,
}

/// Runs in a row that were all worse, or all better.
#[derive(Clone, Copy, Debug)]
struct Row {
    runs: usize,
    worse: bool,
    /// The one of them that is nearest to the status that counts: as far as that, all agree.
    nearest: Status,
}

impl Damper {
    pub(super) const fn new(damping: Damping) -> Self {
        Self {
            damping,
            status: None,
            row: None,
        }
    }

    /// Takes one run's status and answers the one that counts. The first run decides alone.
    pub(super) fn take(&mut self, run: Status) -> Status {
        let Some(status) = self.status.filter(|status| *status != run) else {
            self.row = None;
            return *self.status.insert(run);
        };
        let worse = run > status;
        let row = self.row.filter(|row| row.worse == worse);
        let mut row = row.unwrap_or(Row {
            runs: 0,
            worse,
            nearest: run,
        });
        row.runs += 1;
        let needed = if worse {
            row.nearest = row.nearest.min(run);
            self.damping.fail_after
        } else {
            row.nearest = row.nearest.max(run);
            self.damping.recover_after
        };
        if row.runs < needed {
            self.row = Some(row);
            return status;
        }
        self.row = None;
        *self.status.insert(row.nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Fail, Pass, Warn};

    fn damped(fail_after: usize, recover_after: usize, runs: &[Status]) -> Vec<Status> {
        let mut damper = Damper::new(Damping {
            fail_after,
            recover_after,
        });
        runs.iter().map(|run| damper.take(*run)).collect()
    }

    #[test]
    fn the_third_failure_in_a_row_fails_and_the_second_success_recovers() {
        assert_eq!(
            damped(3, 2, &[Pass, Fail, Fail, Fail, Pass, Fail, Pass, Pass]),
            [Pass, Pass, Pass, Fail, Fail, Fail, Fail, Pass]
        );
    }

    #[test]
    fn one_that_flaps_stays_what_it_was() {
        assert_eq!(
            damped(2, 2, &[Pass, Fail, Pass, Fail, Pass, Fail]),
            [Pass; 6]
        );
        assert_eq!(damped(2, 2, &[Fail, Pass, Fail, Pass, Fail]), [Fail; 5]);
    }

    #[test]
    fn the_first_run_decides_alone() {
        assert_eq!(damped(3, 2, &[Fail]), [Fail]);
        assert_eq!(damped(3, 2, &[Warn]), [Warn]);
    }

    #[test]
    fn without_damping_each_run_counts() {
        assert_eq!(
            damped(1, 1, &[Pass, Fail, Warn, Pass]),
            [Pass, Fail, Warn, Pass]
        );
    }

    #[test]
    fn runs_that_were_worse_by_different_steps_agree_on_the_smaller() {
        assert_eq!(
            damped(3, 2, &[Pass, Fail, Warn, Fail]),
            [Pass, Pass, Pass, Warn]
        );
        assert_eq!(damped(3, 2, &[Fail, Pass, Warn]), [Fail, Fail, Warn]);
    }
}
