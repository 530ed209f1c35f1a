//! Schedules: when the runs of a job are due.

mod cron;

use std::time::Duration;

use jiff::Timestamp;

use cron::Cron;
pub use cron::ScheduleError;

/// The shortest interval of a schedule.
///
/// Below that a job is a loop and not a schedule, and each of its runs would be counted as missed
/// at the first hiccup.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The due times of a job's runs: an interval after each other, or those of a cron expression.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::instruments::Schedule;
///
/// let hourly = Schedule::every(Duration::from_secs(3_600));
/// let nightly = Schedule::cron("30 2 * * *", "Europe/Berlin")?;
/// let weekdays = Schedule::cron("*/15 8-17 * * MON-FRI", "UTC")?;
/// assert!(Schedule::cron("0 25 * * *", "UTC").is_err());
/// # Ok::<(), vantage_obs::instruments::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(ScheduleKind);

/// The two ways to be due.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ScheduleKind {
    Every(Duration),
    Cron(Cron),
}

impl Schedule {
    /// Creates the schedule of an interval: a run is due this time after the start of the one before, at least a second.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self(ScheduleKind::Every(interval.max(MIN_INTERVAL)))
    }

    /// Runs are due at the times of a cron expression of five fields (minute, hour, day of month, month, day of
    /// week) in a time zone of the IANA database, such as `Europe/Berlin` or `UTC`.
    ///
    /// A field is `*`, a number, a range `a-b`, any of these with a step such as `*/15`, or a list of them with
    /// commas. Months and days of the week have English names of three letters too; Sunday is 0 and 7. Where both
    /// days are given, one that matches suffices, as in crontab(5), unless one of the fields begins with `*`.
    ///
    /// A time that summer time skips is due as much later; one that comes twice is due the first time.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] says what of the expression or the zone is wrong; so it is where no day of eight years
    /// matches, such as 30 February.
    pub fn cron(expression: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self(ScheduleKind::Cron(Cron::parse(
            expression, time_zone,
        )?)))
    }

    /// Returns the first time after `after` at which a run is due.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            // `None` at the end of representable time: no run is due then, and nothing overflows.
            ScheduleKind::Every(interval) => after.checked_add(*interval).ok(),
            ScheduleKind::Cron(cron) => cron.next_after(after),
        }
    }

    /// Returns whether runs are due an interval after each other, and not at times of the day.
    pub(crate) const fn is_interval(&self) -> bool {
        matches!(self.0, ScheduleKind::Every(_))
    }
}

impl From<Duration> for Schedule {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}
