//! Schedules: when the runs of a job are due.

mod cron;

use std::fmt;
use std::sync::Arc;
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
#[derive(Clone, Debug)]
pub struct Schedule(Arc<dyn DueTimes>);

/// Due times of runs. Their `Debug` tells them from others.
pub(crate) trait DueTimes: fmt::Debug + Send + Sync {
    /// Returns the first one after `after`.
    fn next_after(&self, after: Timestamp) -> Option<Timestamp>;

    /// Returns whether they are an interval after each other, and not times of the day.
    fn is_interval(&self) -> bool {
        false
    }

    /// Returns whether no run is to be expected any more.
    fn is_over(&self) -> bool {
        false
    }
}

/// Runs an interval after each other.
#[derive(Debug)]
struct Every(Duration);

impl DueTimes for Every {
    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // `None` at the end of representable time: no run is due then, and nothing overflows.
        after.checked_add(self.0).ok()
    }

    fn is_interval(&self) -> bool {
        true
    }
}

impl DueTimes for Cron {
    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        Self::next_after(self, after)
    }
}

impl Schedule {
    /// Creates the schedule of an interval: a run is due this time after the start of the one before, at least a second.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self::from_due_times(Every(interval.max(MIN_INTERVAL)))
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
        Ok(Self::from_due_times(Cron::parse(expression, time_zone)?))
    }

    pub(crate) fn from_due_times(times: impl DueTimes + 'static) -> Self {
        Self(Arc::new(times))
    }

    /// Returns the first time after `after` at which a run is due.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.0.next_after(after)
    }

    /// Returns whether no run is to be expected any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Returns whether runs are due an interval after each other, and not at times of the day.
    pub(crate) fn is_interval(&self) -> bool {
        self.0.is_interval()
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl Eq for Schedule {}

impl From<Duration> for Schedule {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}
