//! Steps of the system's clock while a real service runs: the preloaded shim `libfaketime` tells it the time
//! of day, and the monotonic clock goes on as it does.
//!
//! Whatever the step, the service keeps its memory, writes a few rows, and ends when it is asked to.
//!
//! | clock | store |
//! |---|---|
//! | in 1970, and then right | file |
//! | two days ahead for five seconds | file, PostgreSQL |
//! | an hour ahead; an hour back | file |
//! | thirty years ahead, and right again | file |
//! | right, in 1970, and right again | file |
//!
//! `.ci/clock-steps` installs the shim and runs these.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use redb::{Database, ReadableTable as _, TableDefinition};
use tower::ServiceExt as _;
use vantage_obs::config::Environment;
use vantage_obs::instruments::{Currency, Schedule};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role, Telemetry};

#[cfg(feature = "postgres")]
use crate::backends::postgres::server::{create_database, open_session};

/// Set in a child.
const SERVICE: &str = "VANTAGE_TEST_CLOCK_STEPS";
const SHIM: &str = "VANTAGE_TEST_FAKETIME";
const EUR: Currency = Currency::new("EUR").unwrap();

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// By how far the clock is off, in seconds, and for how long it stays so.
type Phase = (i64, Duration);

const fn phase(offset: i64, seconds: u64) -> Phase {
    (offset, Duration::from_secs(seconds))
}

/// The offset at which it is 1970.
fn beginning_of_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    1_000 - i64::try_from(now.as_secs()).unwrap()
}

/// Finds the shim; a test without it fails.
fn shim() -> PathBuf {
    let candidates = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let candidates = candidates.map(|one| one.path().join("faketime/libfaketimeMT.so.1"));
    let mut all = std::env::var_os(SHIM)
        .map(PathBuf::from)
        .into_iter()
        .chain(candidates);
    all.find(|path| path.exists())
        .expect("libfaketime is not installed: run .ci/clock-steps, which installs it")
}

/// A service with a clock in our hand.
struct ClockedService {
    process: Child,
    folder: tempfile::TempDir,
}

/// The figures of a service that has ended.
#[derive(Debug)]
struct Outcome {
    /// The most memory before the first step, and at the end, in kB.
    rss_before: u64,
    rss_peak: u64,
    file_bytes: u64,
    rows: Vec<StoredSlice>,
    took: Duration,
}

#[derive(Debug)]
struct StoredSlice {
    objective: String,
    start: i64,
    seconds: u64,
    good: u64,
    bad: u64,
}

impl ClockedService {
    fn start(offset: i64, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_clock(folder.path(), offset);
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "clock_steps::run_service"])
            .args(["--nocapture", "--test-threads=1"])
            .env(SERVICE, "1")
            .env(
                "VANTAGE_OBS_SLO_DIRECTORY",
                concat!(env!("CARGO_MANIFEST_DIR"), "/slo"),
            )
            .env("VANTAGE_OBS_STORE_KIND", "file")
            .env("VANTAGE_OBS_STORE_PATH", folder.path().join("store.redb"))
            .env("LD_PRELOAD", shim())
            .env("FAKETIME_TIMESTAMP_FILE", folder.path().join("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    fn set_clock(&self, offset: i64) {
        set_clock(self.folder.path(), offset);
    }

    /// The resident memory in kB: `VmRSS`, or at its most `VmHWM`.
    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let figure = line.split_ascii_whitespace().nth(1).unwrap();
        figure.parse().unwrap()
    }

    /// Asks it to end, and returns how long that took.
    fn terminate(&mut self, within: Duration) -> Duration {
        let id = self.process.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(signalled.success());
        let asked = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return asked.elapsed();
            }
            assert!(
                asked.elapsed() < within,
                "it did not end within {within:?}; {} kB",
                self.memory("VmHWM")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ClockedService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sets the clock of a service at once: the shim must not read half of a file.
fn set_clock(folder: &Path, offset: i64) {
    let next = folder.join("clock.next");
    fs::write(&next, format!("{offset:+}\n")).unwrap();
    fs::rename(next, folder.join("clock")).unwrap();
}

/// Instance, start in nanoseconds and objective.
type SliceKey = (&'static str, i128, &'static str);
/// Length and covered part in nanoseconds, good and bad.
type SliceValue = (u64, u64, u64, u64);

fn rows(file: &Path) -> Vec<StoredSlice> {
    const SLICES: TableDefinition<'_, SliceKey, SliceValue> = TableDefinition::new("slices");
    let database = Database::open(file).unwrap();
    let table = database.begin_read().unwrap().open_table(SLICES).unwrap();
    let slices = table.iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        let ((_, start, objective), (length, _, good, bad)) = (key.value(), value.value());
        StoredSlice {
            objective: objective.to_owned(),
            start: i64::try_from(start / 1_000_000_000).unwrap(),
            seconds: length / 1_000_000_000,
            good,
            bad,
        }
    });
    slices.collect()
}

/// Runs a service through the phases, and lets it end.
fn play(name: &str, phases: &[Phase]) -> Outcome {
    let mut service = ClockedService::start(phases[0].0, &[]);
    let mut rss_before = 0;
    for (at, (offset, length)) in phases.iter().enumerate() {
        service.set_clock(*offset);
        std::thread::sleep(*length);
        if at == 0 {
            rss_before = service.memory("VmHWM");
        }
    }
    let rss_peak = service.memory("VmHWM");
    let took = service.terminate(Duration::from_secs(60));
    let file = service.folder.path().join("store.redb");
    let outcome = Outcome {
        rss_before,
        rss_peak,
        file_bytes: fs::metadata(&file).unwrap().len(),
        rows: rows(&file),
        took,
    };
    eprintln!(
        "{name}: {} kB before, {} kB at most, a file of {} bytes with {} rows, ended within {:?}",
        outcome.rss_before,
        outcome.rss_peak,
        outcome.file_bytes,
        outcome.rows.len(),
        outcome.took
    );
    outcome
}

impl Outcome {
    /// The events of an objective in the slices that began within some seconds of now.
    fn events_within(&self, objective: &str, seconds: i64) -> u64 {
        let now = jiff::Timestamp::now().as_second();
        let rows = self.rows.iter().filter(|row| row.objective == objective);
        let rows = rows.filter(|row| (row.start - now).abs() <= seconds);
        rows.map(|row| row.good + row.bad).sum()
    }
}

/// Plays the phases, and demands what every step has to leave.
fn play_unharmed(name: &str, phases: &[Phase]) -> Outcome {
    let outcome = play(name, phases);
    assert!(
        outcome.rss_peak < outcome.rss_before + 8_192,
        "{name}: memory"
    );
    // Six objectives, with a row for each minute that the clock has shown.
    let most = 6 * 2 * (phases.len() + 1);
    assert!(
        outcome.rows.len() <= most,
        "{name}: {} rows",
        outcome.rows.len()
    );
    assert!(
        outcome.file_bytes < 4_000_000,
        "{name}: {} bytes",
        outcome.file_bytes
    );
    assert!(
        outcome.took < Duration::from_secs(10),
        "{name}: {:?}",
        outcome.took
    );
    let longest = outcome.rows.iter().map(|row| row.seconds).max();
    assert!(
        longest < Some(94 * 86_400),
        "{name}: no gap is longer than a window"
    );
    let (last, _) = phases.last().unwrap();
    let now = outcome.events_within("api.error_rate", last.abs() + 120);
    assert!(now > 20, "{name}: {now} events on the right day");
    outcome
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_starts_in_1970_is_set_right() {
    play_unharmed("1970 to now", &[phase(beginning_of_time(), 6), phase(0, 8)]);
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_is_two_days_ahead_for_five_seconds() {
    play_unharmed(
        "two days ahead and back",
        &[phase(0, 6), phase(2 * DAY, 5), phase(0, 6)],
    );
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_is_set_an_hour_ahead() {
    play_unharmed("an hour ahead", &[phase(0, 6), phase(HOUR, 6)]);
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_is_set_an_hour_back() {
    play_unharmed("an hour back", &[phase(0, 6), phase(-HOUR, 6)]);
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_is_thirty_years_ahead_and_set_right() {
    play_unharmed(
        "thirty years ahead and back",
        &[phase(0, 6), phase(30 * YEAR, 6), phase(0, 6)],
    );
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_falls_back_to_1970_and_is_set_right() {
    let phases = [phase(0, 6), phase(beginning_of_time(), 6), phase(0, 6)];
    play_unharmed("back to 1970 and to now again", &phases);
}

/// The revenue of each day that a database has.
#[cfg(feature = "postgres")]
async fn revenue(url: &str) -> Vec<(String, i64)> {
    let query = "SELECT day::text, value FROM vantage_obs.daily_totals
                 WHERE figure = 'revenue' ORDER BY day";
    let rows = open_session(url).await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs libfaketime"]
async fn revenue_goes_on_the_right_day_after_a_clock_was_two_days_ahead() {
    let url = create_database().await;
    let variables = [
        ("VANTAGE_OBS_STORE_KIND", "postgres"),
        ("VANTAGE_OBS_STORE_URL", &*url),
    ];
    let pause = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    let mut service = ClockedService::start(0, &variables);
    pause(6).await;
    let today = revenue(&url).await;
    assert_eq!(today.len(), 1, "{today:?}");
    service.set_clock(2 * DAY);
    pause(5).await;
    let ahead = revenue(&url).await;
    assert_eq!((ahead.len(), &ahead[0].0), (2, &today[0].0), "{ahead:?}");
    service.set_clock(0);
    pause(2).await;
    let between = revenue(&url).await;
    pause(4).await;
    let took = service.terminate(Duration::from_secs(60));
    let after = revenue(&url).await;
    eprintln!("revenue: {today:?}, {ahead:?}, {between:?}, {after:?}, ended within {took:?}");
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after[0].1 >= between[0].1 + 2_000, "{between:?} {after:?}");
    assert_eq!(after[1], between[1], "nothing more in two days");
}

/// In a child, its whole life; nothing in a test.
#[test]
fn run_service() {
    if std::env::var_os(SERVICE).is_none() {
        return;
    }
    let mut config = Config::new("clocked", Role::Api).version("1.0");
    config.service.roles = vec![Role::Api, Role::Worker, Role::Scheduler];
    config.service.instance_id = Some("one".into());
    config.slo.sample_interval = Duration::from_secs(1);
    let telemetry = Telemetry::without_globals(config, &Environment::from_process()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        tokio::select! {
            _ = terminate.recv() => {}
            () = serve(&telemetry) => {}
        }
        telemetry.shutdown().await.unwrap();
    });
    // The end of a test has its own way.
    std::process::exit(0);
}

/// Traffic of every kind that is counted.
async fn serve(telemetry: &Telemetry) {
    let app = Router::new()
        .route("/work", get(async || StatusCode::OK))
        .layer(telemetry.http_layer());
    let worker = telemetry.worker("w");
    let minutely = Schedule::cron("* * * * *", "UTC").unwrap();
    let scheduler = telemetry.scheduler();
    scheduler.expect("minutely", minutely, Duration::from_secs(5));
    loop {
        let request = Request::get("/work").body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap();
        worker
            .start("publish_post", SystemTime::now(), &Carrier::EMPTY)
            .succeed();
        telemetry.business().record_revenue(EUR, 100);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
