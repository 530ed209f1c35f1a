//! Jobs of tokio-cron-scheduler, run by the real one.

use std::error::Error;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_cron_scheduler::{Job, JobScheduler};
use vantage_obs::config::{Environment, LogLevel};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, ExpositionFormat, Role, Telemetry};

const EVERY_SECOND: &str = "* * * * * *";
const PATIENCE: Duration = Duration::from_secs(20);

/// With the system's clock, which the scheduler has.
fn telemetry() -> Telemetry {
    let mut config = Config::new("cron", Role::Scheduler);
    config.logs.level = "off".parse().unwrap();
    Telemetry::without_globals(config, &Environment::empty()).unwrap()
}

fn value(telemetry: &Telemetry, series: &str) -> Option<f64> {
    let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

async fn start(job: Job) -> JobScheduler {
    let jobs = JobScheduler::new().await.unwrap();
    jobs.add(job).await.unwrap();
    jobs.start().await.unwrap();
    jobs
}

#[derive(Debug)]
struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the disk of 10.0.0.1 is full")
    }
}

impl Error for Full {}

#[tokio::test]
async fn a_run_has_its_outcome_and_the_lag_behind_the_schedule() {
    let captured = TestTelemetry::new();
    let telemetry = telemetry();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let runs = Arc::new(AtomicU64::new(0));
    let job = telemetry.cron_job("report", EVERY_SECOND, move || {
        let (begun, run) = (begun.clone(), runs.fetch_add(1, Ordering::Relaxed));
        async move {
            begun.send(SystemTime::now()).unwrap();
            match run {
                0 => Ok(()),
                1 => Err(Full),
                _ => panic!("a bug"),
            }
        }
    });
    let _jobs = start(job.unwrap()).await;
    let mut late = 0.0;
    for _ in 0..3 {
        let at = timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        late += f64::from(since.subsec_nanos()) / 1e9;
    }
    // The last one ends after it has said so.
    sleep(Duration::from_millis(50)).await;
    let executions = |outcome| {
        let name = "vantage_scheduler_executions_total";
        value(
            &telemetry,
            &format!("{name}{{outcome=\"{outcome}\",schedule=\"report\"}}"),
        )
    };
    let outcomes = ["succeeded", "failed", "panicked"].map(executions);
    assert_eq!(outcomes, [Some(1.0); 3]);
    let failures =
        "vantage_scheduler_execution_failures_total{reason=\"full\",schedule=\"report\"}";
    assert_eq!(value(&telemetry, failures), Some(1.0));
    // Nobody else sees the error.
    let line = captured.log_line("scheduled run failed");
    assert_eq!(line.level, LogLevel::Error);
    assert_eq!(line.field("schedule"), Some("report"));
    assert_eq!(line.field("error"), Some("the disk of 10.0.0.1 is full"));
    assert!(line.trace_id.is_some(), "{line:?}");
    // Due at the full second, and begun some hundred milliseconds later, when the scheduler looks.
    let lag = "vantage_scheduler_execution_lag_seconds_sum{schedule=\"report\"}";
    let lag = value(&telemetry, lag).unwrap();
    assert!(lag >= late - 0.05 && lag < late + 2.0, "{lag} {late}");
    let scheduled = "vantage_scheduler_scheduled_jobs_total{schedule=\"report\"}";
    assert!(value(&telemetry, scheduled) >= Some(4.0));
    telemetry.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_run_that_begins_while_the_one_before_goes_on_overlaps() {
    let telemetry = telemetry();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let job = telemetry.cron_job("stuck", EVERY_SECOND, move || {
        begun.send(()).unwrap();
        pending::<()>()
    });
    let _jobs = start(job.unwrap()).await;
    for _ in 0..2 {
        timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
    }
    let overlapping = "vantage_scheduler_overlapping_runs_total{schedule=\"stuck\"}";
    assert_eq!(value(&telemetry, overlapping), Some(1.0));
    let active = "vantage_scheduler_active_executions{schedule=\"stuck\"}";
    assert_eq!(value(&telemetry, active), Some(2.0));
}

#[tokio::test]
async fn runs_of_a_scheduler_that_was_not_started_are_missed_until_the_job_is_gone() {
    let telemetry = telemetry();
    let missed = |telemetry: &Telemetry| {
        value(
            telemetry,
            "vantage_scheduler_missed_runs_total{schedule=\"forgotten\"}",
        )
        .unwrap()
    };
    let job = telemetry
        .cron_job("forgotten", EVERY_SECOND, || async {})
        .unwrap();
    assert_eq!(missed(&telemetry), 0.0);
    let replaced = job;
    let job = telemetry
        .cron_job("forgotten", EVERY_SECOND, || async {})
        .unwrap();
    drop(replaced);
    timeout(PATIENCE, async {
        while missed(&telemetry) < 1.0 {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    drop(job);
    sleep(Duration::from_millis(50)).await;
    let before = missed(&telemetry);
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(missed(&telemetry), before);
}

#[tokio::test]
async fn runs_of_a_scheduler_that_was_shut_down_are_not_missed() {
    let telemetry = telemetry();
    let missed = "vantage_scheduler_missed_runs_total{schedule=\"led\"}";
    let (begun, mut begins) = mpsc::unbounded_channel();
    let job = telemetry
        .cron_job("led", EVERY_SECOND, move || {
            let begun = begun.clone();
            async move { begun.send(()).map_err(|_| Full) }
        })
        .unwrap();
    let kept = job.clone();
    let mut jobs = start(job).await;
    timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
    jobs.shutdown().await.unwrap();
    drop(jobs);
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(value(&telemetry, missed), Some(0.0));
    while begins.try_recv().is_ok() {}
    // Its job goes on with another scheduler, as where a replica leads once more: the runs are expected again.
    let jobs = start(kept).await;
    timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
    let scheduled = "vantage_scheduler_scheduled_jobs_total{schedule=\"led\"}";
    assert!(value(&telemetry, scheduled) >= Some(3.0));
    // One that stands still is missed, and one that was told of is not.
    let ticking = Arc::clone(&jobs.context().metadata_storage);
    let stuck = ticking.write().await;
    timeout(PATIENCE, async {
        while value(&telemetry, missed) < Some(1.0) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    telemetry.scheduler().stop_expecting("led");
    sleep(Duration::from_millis(50)).await;
    let before = value(&telemetry, missed);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(value(&telemetry, missed), before);
    drop(stuck);
}

#[tokio::test]
async fn a_job_of_a_zone_runs_when_its_time_has_come() {
    let telemetry = telemetry();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let run = move || {
        let begun = begun.clone();
        async move { begun.send(()).map_err(|_| Full) }
    };
    // Each second is one of the zone's; another hour is none.
    let job = telemetry.cron_job_in("each", EVERY_SECOND, "Asia/Kathmandu", run);
    let jobs = start(job.unwrap()).await;
    let hour = |ahead: u64| {
        let at = SystemTime::now() + Duration::from_secs(3_600 * ahead);
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since.as_secs() / 3_600 % 24
    };
    let woken = Arc::new(Mutex::new(0));
    let other = format!("* * {} * * *", hour(12));
    let count = Arc::clone(&woken);
    let job = telemetry.cron_job_in("other", &other, "Africa/Abidjan", move || {
        *count.lock().unwrap() += 1;
        async {}
    });
    jobs.add(job.unwrap()).await.unwrap();
    for _ in 0..3 {
        timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
    }
    assert_eq!(*woken.lock().unwrap(), 0);
    let lag = "vantage_scheduler_execution_lag_seconds_count{schedule=\"each\"}";
    assert_eq!(value(&telemetry, lag), Some(3.0));
}

#[test]
fn what_is_no_schedule_is_said() {
    let telemetry = telemetry();
    let error = |schedule| {
        telemetry
            .cron_job("x", schedule, || async {})
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error("0 3 * * *").contains("six fields (second, minute, hour,"));
    assert_eq!(error("0 0 0 30 2 *"), "no day matches \"0 0 0 30 2 *\"");
}
