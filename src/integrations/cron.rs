//! Jobs of tokio-cron-scheduler, with their due times.
//!
//! | of a job of [`Telemetry::cron_job`] | is recorded |
//! |---|---|
//! | the job is made, or a run begins | the next run as scheduled |
//! | a run is due and does not begin | as missed; the run after it is not counted as scheduled |
//! | it begins | its lag behind the time of the schedule; as overlapping, if the one before still runs |
//! | it ends | its outcome, reason, duration and span |
//!
//! Why not from the scheduler's notifications? They say that a job has started and that it is done, and neither for
//! which time, nor how it ended.
//!
//! Why its own look at the clock for a time zone? The scheduler keeps the zone's offset of the moment at which a job was
//! made, so that after the next change of summer time a nightly job runs an hour off, for months. Here it is asked once a
//! minute, and the run begins when the zone's time has come: one that summer time skips as much later, and one that
//! comes twice the first time.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::model::causes::with_causes;
use crate::model::schedule::{DueTimes, Schedule, ScheduleError};
use crate::record::clock::ClockReading;
use crate::record::error_reasons::{OTHER, guarded};
use crate::record::instruments::run::Failure;
use crate::record::instruments::{RunOutput, Scheduler};
use crate::record::sync::lock;
use crate::telemetry::Telemetry;

/// The time after which a run counts as missed, where two runs are at least twice as far apart.
const MAX_GRACE: Duration = Duration::from_secs(60);
/// The scheduler looks twice a second.
const MIN_GRACE: Duration = Duration::from_secs(2);
/// No longer ago than that was a run due that begins now, unless it was due before and did not begin.
const RECENT: SignedDuration = SignedDuration::from_secs(5);
/// From this difference of both clocks on the wall clock was set, or the host slept.
const MIN_STEP: SignedDuration = SignedDuration::from_secs(10);
/// A clock that is set back by more shows other times than before, and not the same ones again: as cron has it.
const MAX_REPEAT: SignedDuration = SignedDuration::from_hours(1);
/// No change of an offset that is in use moves the time of day by more.
const MAX_CHANGE: SignedDuration = SignedDuration::from_hours(2);
/// The most times of a day that are looked at: each second of those that a change may move, and of those after it.
const MAX_TIMES: usize = 20_000;

impl Telemetry {
    /// Makes a job of tokio-cron-scheduler, to be added to a `JobScheduler`, whose runs are executions of the schedule
    /// `name`: with their lag, outcome, reason, duration and span. A run that does not begin is counted as missed, also
    /// where the scheduler was never started.
    ///
    /// The job that is made last under a name is the one whose runs are expected.
    ///
    /// `schedule` is a cron expression as tokio-cron-scheduler has it, with seconds first, in UTC. `run` is called for each
    /// run; what its future resolves to is the verdict, as [`Scheduler::run`] takes it, and an error is logged. A run is
    /// missed that has not begun within a minute of its due time, or within half of the time to the next run where that is
    /// less. Runs are expected until the job is removed from the scheduler, or the scheduler that has run it is shut
    /// down. Of a job that is shut down before its first run nothing tells:
    /// [`telemetry.scheduler().stop_expecting(name)`](Scheduler::stop_expecting) does.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// use tokio_cron_scheduler::JobScheduler;
    ///
    /// async fn write_report() -> Result<(), std::io::Error> {
    ///     Ok(())
    /// }
    ///
    /// let jobs = JobScheduler::new().await?;
    /// jobs.add(telemetry.cron_job("nightly-report", "0 0 3 * * *", write_report)?).await?;
    /// jobs.start().await?;
    /// // From 0 on, so that the first miss is an increase.
    /// let labels = [("schedule", "nightly-report")];
    /// assert_eq!(test.value("vantage_scheduler_missed_runs_total", &labels), Some(0.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] says what of the expression is wrong.
    pub fn cron_job<F, O, V>(
        &self,
        name: &str,
        schedule: &str,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Job, ScheduleError>
    where
        F: Future<Output = O> + Send + 'static,
        O: RunOutput<V> + Send + 'static,
        V: 'static,
    {
        let times = CronTimes::parse(schedule, "UTC")?;
        // What the scheduler understands, it is given as it is.
        self.make_cron_job(name, schedule, times, run)
    }

    /// Makes a job as [`cron_job`](Self::cron_job) does, whose schedule is one of a time zone of the IANA database, such as
    /// `Europe/Berlin`. It is right through every change of summer time.
    ///
    /// The scheduler itself wakes the job once a minute, which its own notifications and `next_tick_for_job` show.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] says what of the expression or the zone is wrong.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let job = telemetry.cron_job_in("nightly", "0 0 3 * * *", "Europe/Berlin", || async {});
    /// assert!(job.is_ok());
    /// let job = telemetry.cron_job_in("nightly", "0 0 3 * * *", "Europe/Atlantis", || async {});
    /// let error = job.err().expect("not a zone").to_string();
    /// assert!(error.starts_with("\"Europe/Atlantis\" is not a time zone"));
    /// # }
    /// ```
    pub fn cron_job_in<F, O, V>(
        &self,
        name: &str,
        schedule: &str,
        time_zone: &str,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Job, ScheduleError>
    where
        F: Future<Output = O> + Send + 'static,
        O: RunOutput<V> + Send + 'static,
        V: 'static,
    {
        let times = CronTimes::parse(schedule, time_zone)?;
        let seconds = schedule.split_ascii_whitespace().next().unwrap_or("0");
        self.make_cron_job(name, &format!("{seconds} * * * * *"), times, run)
    }

    fn make_cron_job<F, O, V>(
        &self,
        name: &str,
        wakeups: &str,
        times: CronTimes,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Job, ScheduleError>
    where
        F: Future<Output = O> + Send + 'static,
        O: RunOutput<V> + Send + 'static,
        V: 'static,
    {
        let run = Arc::new(run);
        // Filled below: the scheduler's first due time must not be later than the one that is expected.
        let runs: Arc<OnceLock<CronRuns>> = Arc::default();
        let woken = Arc::clone(&runs);
        let job = Job::new_async(wakeups, move |_, jobs| {
            let due = woken.get().and_then(|runs| {
                runs.belong_to(&jobs);
                runs.wake()
            });
            let (run, woken) = (Arc::clone(&run), Arc::clone(&woken));
            Box::pin(async move {
                if let (Some(due), Some(runs)) = (due, woken.get()) {
                    let name = Arc::clone(&runs.name);
                    // Called within the future: a panic here would end the scheduler's own loop.
                    let work = async move {
                        let output = run().await;
                        log_failure(&name, &output);
                        output
                    };
                    let _ = runs.scheduler.run(&runs.name, due, work).await;
                }
            })
        });
        let job = job.map_err(|error| unusable(wakeups, &error))?;
        let _ = runs.set(CronRuns::start(self, name, times));
        Ok(job)
    }
}

/// Tells the error of a run, which goes no further than here, within its span.
fn log_failure<V>(schedule: &str, output: &impl RunOutput<V>) {
    let Some(Failure::Typed(error, _) | Failure::Boxed(error)) = output.failure() else {
        return;
    };
    // The code of the service's errors runs here.
    let text = guarded(|| Some(with_causes(error)));
    let error = text.as_deref().unwrap_or(OTHER);
    tracing::error!(schedule, error, "scheduled run failed");
}

fn unusable(expression: &str, error: &JobSchedulerError) -> ScheduleError {
    ScheduleError::new(format!("{expression:?} is not usable: {error}"))
}

/// The runs of one job, which are expected until this is dropped, or the scheduler is shut down: that keeps its jobs
/// for as long as the process runs.
struct CronRuns {
    scheduler: Scheduler,
    name: Arc<str>,
    times: Arc<CronTimes>,
    grace: Duration,
    next: Mutex<NextRun>,
}

/// The run that begins next.
struct NextRun {
    due: Option<Timestamp>,
    /// The moment at which that was found.
    found: ClockReading,
}

impl NextRun {
    /// Looks for the next run as if there had been none.
    fn restart(&mut self, times: &CronTimes, now: ClockReading) {
        let recent = now.wall.saturating_sub(RECENT).ok();
        *self = Self {
            due: recent.and_then(|recent| times.next_after(recent)),
            found: now,
        };
    }
}

impl CronRuns {
    fn start(telemetry: &Telemetry, name: &str, times: CronTimes) -> Self {
        let scheduler = telemetry.scheduler();
        let times = Arc::new(times);
        let found = scheduler.clock().read();
        let due = times.next_after(found.wall);
        let grace = due.and_then(|due| times.next_after(due)?.duration_since(due).try_into().ok());
        let grace = grace.map_or(MAX_GRACE, |distance: Duration| {
            (distance / 2).clamp(MIN_GRACE, MAX_GRACE)
        });
        scheduler.record_scheduled(name, 1);
        let runs = Self {
            scheduler,
            name: name.into(),
            times,
            grace,
            next: Mutex::new(NextRun { due, found }),
        };
        runs.expect();
        runs
    }

    fn expect(&self) {
        let schedule = Schedule::from_due_times(Arc::clone(&self.times));
        self.scheduler.expect(&self.name, schedule, self.grace);
    }

    /// Notes which scheduler has woken the job. With another one than before, as where a replica leads once more, the
    /// runs are expected again.
    fn belong_to(&self, jobs: &JobScheduler) {
        // Locked while it is started or shut down alone: the next run will do.
        let Ok(scheduler) = jobs.scheduler.try_read() else {
            return;
        };
        let mut shut_down = lock(&self.times.shut_down);
        let known = shut_down.as_ref();
        if known.is_some_and(|known| Arc::ptr_eq(known, &scheduler.shutdown)) {
            return;
        }
        let was_over = known.is_some_and(|known| known.load(Ordering::Relaxed));
        *shut_down = Some(Arc::clone(&scheduler.shutdown));
        drop(shut_down);
        if was_over {
            // What was due in between was no run of this process.
            let now = self.scheduler.clock().read();
            lock(&self.next).restart(&self.times, now);
            self.expect();
        }
    }

    /// Returns the due time of the run that begins now; `None` where none does.
    fn wake(&self) -> Option<Timestamp> {
        let now = self.scheduler.clock().read();
        let mut next = lock(&self.next);
        if now.step_since(&next.found) < -MAX_REPEAT {
            next.restart(&self.times, now);
        }
        let due = self.times.due(&next, now)?;
        *next = NextRun {
            // Never the same twice, also where the clock was set back.
            due: self.times.next_after(now.wall.max(due)),
            found: now,
        };
        drop(next);
        self.scheduler.record_scheduled(&self.name, 1);
        Some(due)
    }
}

impl Drop for CronRuns {
    fn drop(&mut self) {
        // Not by its name: another job may have taken its place under that.
        self.times.is_over.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for CronRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronRuns").field(&self.name).finish()
    }
}

impl DueTimes for Arc<CronTimes> {
    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        CronTimes::next_after(self, after)
    }

    fn is_over(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_set(&self.is_over) || lock(&self.shut_down).as_deref().is_some_and(is_set)
    }
}

impl fmt::Debug for CronTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With its address: each job is expected anew, also one that takes the place of another.
        let address: *const Self = self;
        f.debug_tuple("CronTimes").field(&address).finish()
    }
}

/// The due times of a cron expression in a time zone.
struct CronTimes {
    cron: Cron,
    zone: TimeZone,
    /// The scheduler's own times are those of the expression.
    is_utc: bool,
    /// The job is gone.
    is_over: AtomicBool,
    /// Set once the scheduler that woke the job last is shut down; `None` before the first run.
    shut_down: Mutex<Option<Arc<AtomicBool>>>,
}

impl CronTimes {
    fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        // As tokio-cron-scheduler parses it.
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .dom_and_dow(true)
            .build();
        let cron = parser.parse(expression).map_err(|error| {
            ScheduleError::new(format!(
                "{expression:?} is not a cron expression of six fields (second, minute, hour, day of month, month, day of week): {error}"
            ))
        })?;
        let times = Self {
            cron,
            zone: TimeZone::get(zone).map_err(|_| ScheduleError::unknown_zone(zone))?,
            is_utc: matches!(zone, "UTC" | "Etc/UTC"),
            is_over: AtomicBool::new(false),
            shut_down: Mutex::default(),
        };
        if times.next_after(Timestamp::UNIX_EPOCH).is_none() {
            return Err(ScheduleError::new(format!("no day matches {expression:?}")));
        }
        Ok(times)
    }

    /// Returns the due time of a run that begins now; `None` where none is to begin.
    fn due(&self, next: &NextRun, now: ClockReading) -> Option<Timestamp> {
        let expected = next.due?;
        if expected > now.wall {
            // In UTC the scheduler decides; a run that it begins early is that of the time just before, or the next.
            let recent = now.wall.saturating_sub(RECENT).ok()?;
            let recent = self.next_after(recent).filter(|due| *due <= now.wall);
            return self.is_utc.then(|| recent.unwrap_or(expected));
        }
        // A clock that was set makes no run late: it is that of the last due time.
        let is_stepped = now.step_since(&next.found) > MIN_STEP;
        let last = is_stepped.then(|| self.last_until(now.wall)).flatten();
        Some(last.map_or(expected, |last| last.max(expected)))
    }

    /// Returns the first due time after `after`.
    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let before_change = after.checked_sub(MAX_CHANGE).ok()?;
        // Right after a change times are due that lie before it on the clock.
        let is_shifted = self.zone.to_offset(after) != self.zone.to_offset(before_change);
        let start = if is_shifted { before_change } else { after };
        let mut time = self.to_local(start)?;
        let mut first: Option<Timestamp> = None;
        for _ in 0..MAX_TIMES {
            time = self.next_local(time)?;
            let due = self.to_instant(time)?;
            if due > after {
                let earliest = first.map_or(due, |first| first.min(due));
                first = Some(earliest);
            }
            // Times that follow on the clock are due later.
            if first.is_some_and(|first| self.to_local(first).is_none_or(|first| first <= time)) {
                break;
            }
        }
        first
    }

    /// Returns the last due time until `until`.
    fn last_until(&self, until: Timestamp) -> Option<Timestamp> {
        let time = to_chrono(self.to_local(until)?)?;
        let last = self.cron.find_previous_occurrence(&time, true).ok()?;
        let due = self.to_instant(Timestamp::from_second(last.timestamp()).ok()?)?;
        (due <= until).then_some(due)
    }

    /// Returns the time on the zone's clock, as if that were UTC: the expression is one of clocks.
    fn to_local(&self, instant: Timestamp) -> Option<Timestamp> {
        let time = self.zone.to_datetime(instant);
        TimeZone::UTC.to_timestamp(time).ok()
    }

    /// Returns the moment at which the zone's clock shows this time: later where it is skipped, and the first of two.
    fn to_instant(&self, local: Timestamp) -> Option<Timestamp> {
        let time = TimeZone::UTC.to_datetime(local);
        self.zone.to_ambiguous_timestamp(time).compatible().ok()
    }

    fn next_local(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self
            .cron
            .find_next_occurrence(&to_chrono(after)?, false)
            .ok()?;
        Timestamp::from_second(next.timestamp()).ok()
    }
}

fn to_chrono(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.as_second(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let times = CronTimes::parse(expression, zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let next = std::iter::repeat_with(|| {
            at = times.next_after(at).unwrap();
            at.to_zoned(times.zone.clone())
                .strftime("%m-%d %H:%M:%S %Z")
                .to_string()
        });
        next.take(count).collect()
    }

    #[test]
    fn times_are_those_of_the_library_with_seconds_and_both_days() {
        let after = "2026-11-27T22:59:29.5Z";
        assert_eq!(
            times("*/15 * * * * *", "UTC", after, 3),
            [
                "11-27 22:59:30 UTC",
                "11-27 22:59:45 UTC",
                "11-27 23:00:00 UTC"
            ]
        );
        assert_eq!(
            times("5 0 3 L * *", "UTC", after, 2),
            ["11-30 03:00:05 UTC", "12-31 03:00:05 UTC"]
        );
        // Both days have to match, unlike in crontab(5).
        assert_eq!(
            times("0 0 0 1-7 * MON", "UTC", after, 2),
            ["12-07 00:00:00 UTC", "01-04 00:00:00 UTC"]
        );
    }

    #[test]
    fn a_time_that_is_skipped_is_due_later_and_one_that_repeats_is_due_once() {
        let spring = "2026-03-28T12:00:00Z";
        assert_eq!(
            times("0 30 2 * * *", "Europe/Berlin", spring, 2),
            ["03-29 03:30:00 CEST", "03-30 02:30:00 CEST"]
        );
        assert_eq!(
            times("0 0 3 * * *", "Europe/Berlin", spring, 2),
            ["03-29 03:00:00 CEST", "03-30 03:00:00 CEST"]
        );
        assert_eq!(
            times(
                "0 */30 1-3 * * *",
                "Europe/Berlin",
                "2026-03-29T00:15:00Z",
                4
            ),
            [
                "03-29 01:30:00 CET",
                "03-29 03:00:00 CEST",
                "03-29 03:30:00 CEST",
                "03-30 01:00:00 CEST"
            ]
        );
        assert_eq!(
            times("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["10-25 02:30:00 CEST", "10-26 02:30:00 CET"]
        );
        // Half an hour is skipped: a time in the gap moves behind one after it.
        assert_eq!(
            times(
                "0 15,30 2 * * *",
                "Australia/Lord_Howe",
                "2026-10-03T12:00:00Z",
                2
            ),
            ["10-04 02:30:00 +11", "10-04 02:45:00 +11"]
        );
        // In the hour that comes twice, each second once.
        let second = times("* * * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
        assert_eq!(second, ["10-25 03:00:00 CET"]);
    }

    #[test]
    fn what_is_no_expression_is_said_with_its_fields() {
        let error = |expression| {
            let parsed = CronTimes::parse(expression, "UTC");
            parsed
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        for bad in ["0 3 * * *", "", "0 0 25 * * *", "0 0 3 * * * * *", "x"] {
            assert!(error(bad).contains("six fields"), "{bad}: {}", error(bad));
        }
        assert_eq!(error("0 0 0 30 2 *"), "no day matches \"0 0 0 30 2 *\"");
        let zone = CronTimes::parse("0 0 3 * * *", "Berlin").err().unwrap();
        assert!(zone.to_string().contains("is not a time zone"));
    }

    fn reading(wall: &str, elapsed: u64) -> ClockReading {
        use std::sync::LazyLock;
        use std::time::Instant;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        ClockReading {
            wall: wall.parse().unwrap(),
            monotonic: *START + Duration::from_secs(elapsed),
        }
    }

    fn due(zone: &str, found: &str, wakes: &str, elapsed: u64) -> Option<String> {
        let times = CronTimes::parse("0 0 * * * *", zone).unwrap();
        let found = reading(found, 0);
        let next = NextRun {
            due: times.next_after(found.wall),
            found,
        };
        let due = times.due(&next, reading(wakes, elapsed));
        due.map(|due| due.to_string())
    }

    #[test]
    fn a_run_is_due_at_the_time_of_the_schedule_and_not_when_it_begins() {
        let due_at = |wakes, elapsed| due("UTC", "2026-11-28T02:30:00Z", wakes, elapsed);
        let three = Some("2026-11-28T03:00:00Z".to_owned());
        assert_eq!(due_at("2026-11-28T03:00:00.4Z", 1_800), three);
        // The process was held up: the run is late, and those between are missed.
        assert_eq!(due_at("2026-11-28T05:10:00Z", 9_600), three);
        // The clock was set: it is not late by what was never waited.
        let five = Some("2026-11-28T05:00:00Z".to_owned());
        assert_eq!(due_at("2026-11-28T05:10:00Z", 60), five);
        // Found a moment too late, or begun early: the scheduler decides.
        let found_late = due("UTC", "2026-11-28T03:00:00.1Z", "2026-11-28T03:00:00.5Z", 0);
        assert_eq!(found_late, three);
        let early = due("UTC", "2026-11-28T03:10:00Z", "2026-11-28T03:20:00Z", 600);
        assert_eq!(early, Some("2026-11-28T04:00:00Z".to_owned()));
        // In a zone it only wakes.
        let berlin = |wakes| due("Europe/Berlin", "2026-11-28T02:30:00Z", wakes, 60);
        assert_eq!(berlin("2026-11-28T02:31:00Z"), None);
        assert_eq!(berlin("2026-11-28T03:00:00Z"), three);
    }
}
