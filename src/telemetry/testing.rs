//! The test kit: telemetry without globals and threads, with a clock that the test moves, and everything that it
//! recorded as plain values.
//!
//! ```
//! use std::time::Duration;
//! use vantage_obs::testing::TestTelemetry;
//! use vantage_obs::trace::Carrier;
//!
//! let test = TestTelemetry::new();
//! let worker = test.telemetry().worker("w1");
//! let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
//! job.in_scope(|| tracing::info!(post = 7, "published"));
//! test.clock().advance(Duration::from_secs(2));
//! job.succeed();
//! test.assert_value("vantage_worker_jobs_total", &[("outcome", "succeeded")], 1.0);
//! test.assert_value("vantage_worker_job_duration_seconds_sum", &[], 2.0);
//! let line = test.log_line("published");
//! assert_eq!(line.trace_id, Some(test.span("publish_post").trace_id));
//! ```
//!
//! | a test asks for | by |
//! |---|---|
//! | one series, by some of its labels | [`value`](TestTelemetry::value), [`assert_value`](TestTelemetry::assert_value) |
//! | the sum of several | [`sum`](TestTelemetry::sum), [`assert_sum`](TestTelemetry::assert_sum) |
//! | spans and their parents | [`span`](TestTelemetry::span), [`spans`](TestTelemetry::spans) |
//! | log lines | [`log_line`](TestTelemetry::log_line), [`log_lines`](TestTelemetry::log_lines) |
//! | objectives | [`assert_events`](TestTelemetry::assert_events), [`objective`](TestTelemetry::objective) |
//! | health | [`run_checks`](TestTelemetry::run_checks), [`health`](TestTelemetry::health) |
//! | totals by day | [`daily_total`](TestTelemetry::daily_total), [`assert_daily_total`](TestTelemetry::assert_daily_total) |

mod clock;

mod series;

mod spans;

mod capture;

mod health;

mod totals;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::background::Supervisor;
use crate::background::log_queue::CaptureQueue;
use crate::config::{Config, ConfigSource, Environment, Role};
use crate::export::prometheus::text::ExpositionFormat;
use crate::model::figure::Figures;
use crate::model::slo::report::{ObjectiveReport, SloReport};
use crate::model::slo::{Objectives, SloError};
use crate::record::clock::Clock;
use crate::telemetry::{InitError, Telemetry};

pub use crate::export::logs::LogLine;
pub use capture::CaptureGuard;
pub use clock::ManualClock;
pub use health::{CheckHealth, ServiceHealth};
#[doc(hidden)]
pub use opentelemetry_sdk::trace::SpanData;
pub use series::Series;
pub use spans::{RecordedEvent, RecordedLink, RecordedSpan, SpanKind, SpanStatus};

use capture::Capture;
use series::{Matched, Scrape, explain_several, explain_value, is_same};
use spans::FinishedSpans;
use totals::DailyTotals;

/// The real time that runs of checks have to come back.
const RUNS: Duration = Duration::from_secs(10);

/// Telemetry whose time stands still until it is moved. Nothing runs in the background:
/// [`tick`](Self::tick) does what the sampler does every second.
///
/// It is the `tracing` subscriber of the thread that made it, as [`init`](crate::init) makes one for the process.
///
/// Start-up is as after [`init`](crate::init): the service is not ready before the first tick, nor before
/// [`Telemetry::started`], the routes are taken, or 10 s of this clock have passed.
#[derive(Debug)]
pub struct TestTelemetry {
    telemetry: Telemetry,
    clock: ManualClock,
    spans: FinishedSpans,
    capture: Capture,
    /// The totals by day so far.
    totals: Mutex<DailyTotals>,
}

impl TestTelemetry {
    /// Creates the telemetry of an API, worker and scheduler without objectives.
    ///
    /// # Panics
    ///
    /// When the SDK refuses to be set up, which would be a bug.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test kit fails the test")]
    pub fn new() -> Self {
        let config = Config::new("test", Role::Api)
            .role(Role::Worker)
            .role(Role::Scheduler);
        Self::with_config(config, &[]).expect("the default configuration is valid")
    }

    /// Creates telemetry with this configuration and these objectives, as (file name, JSON) pairs.
    ///
    /// The environment is not read, and neither is `slo.directory`. Every trace is kept, unless
    /// `traces.sample_ratio` is set.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::{Config, Role};
    ///
    /// let file = r#"{"api": {"availability": {"target": 99.9, "window": "30d"}}}"#;
    /// let config = Config::new("vantage-api", Role::Api);
    /// let test = TestTelemetry::with_config(config, &[("api.json", file)])?;
    /// let report = test.report();
    /// assert_eq!(report.objectives[0].name, "availability");
    /// # Ok::<(), vantage_obs::InitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`init`](crate::init).
    pub fn with_config(config: Config, objectives: &[(&str, &str)]) -> Result<Self, InitError> {
        // A fixed date, so that a test's output is the same on every day.
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let mut config = config.resolve(&Environment::empty())?;
        let objectives = Self::objectives(objectives, &config.config.figures)?;
        if config.source("traces.sample_ratio") == ConfigSource::Default {
            // A test that looks for its one trace would miss nine of ten.
            config.config.traces.sample_ratio = 1.0;
        }
        let spans = FinishedSpans::default();
        let kept = Box::new(spans.clone());
        let queue = CaptureQueue::default();
        let supervisor = Supervisor::with_captured_lines(queue.clone());
        let telemetry =
            Telemetry::assemble(config, &objectives, clock.clone(), Some(kept), supervisor)?;
        Ok(Self {
            capture: Capture::install(&telemetry, &queue),
            telemetry,
            clock: ManualClock(clock),
            spans,
            totals: Mutex::default(),
        })
    }

    fn objectives(files: &[(&str, &str)], figures: &Figures) -> Result<Objectives, SloError> {
        if files.is_empty() {
            Ok(Objectives::default())
        } else {
            Objectives::parse_with(files, figures)
        }
    }

    /// Returns the telemetry, as a service has it.
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Returns its clock, which stands still until it is advanced.
    #[must_use]
    pub const fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Looks at everything that is watched, once.
    /// The order is that of dependence: samples, then checks, beats, the store, and what is judged
    /// from them.
    pub fn tick(&self) {
        let inner = &self.telemetry.0;
        inner.watch.sampler.tick();
        inner.watch.health.tick();
        let queue = inner.recording.supervisor.log_queue();
        inner.heartbeat.service.tick(queue);
        inner.heartbeat.store_writer.tick();
        inner.watch.slo.tick();
        inner.watch.incidents.tick();
    }

    /// Returns the report of the objectives at this moment, worked out anew from the samples;
    /// [`Telemetry::slo_report`] has what was judged last.
    #[must_use]
    pub fn report(&self) -> SloReport {
        self.telemetry.0.watch.slo.report()
    }

    /// Returns the paths that [`Telemetry::routes`] serves, for a test that asks each of them.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let paths = TestTelemetry::new().served_paths();
    /// assert!(paths.iter().any(|served| served.path == "/api/v1/health" && !served.is_public));
    /// ```
    #[must_use]
    pub fn served_paths(&self) -> Vec<ServedPath> {
        let config = &self.telemetry.0.config.config;
        let prefix = config.http.prefix();
        let served = config.routes().map(|(path, kind)| ServedPath {
            path: format!("{prefix}{path}"),
            is_public: kind.is_public(),
        });
        served.collect()
    }

    /// Returns the value of the one series that has this Prometheus name and these labels, among others or not, in
    /// any order; `None` where there is no such series. A series without further labels goes before those with more.
    ///
    /// A histogram is found by `…_count`, `…_sum` and `…_bucket` with the label `le`.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let name = "vantage_business_ai_generations_total";
    /// assert_eq!(test.value(name, &[("generation_kind", "caption")]), None, "nothing was recorded");
    /// test.telemetry().business().record_ai_generation("caption");
    /// assert_eq!(test.value(name, &[("generation_kind", "caption")]), Some(1.0));
    /// assert_eq!(test.value(name, &[]), Some(1.0), "the only series of this name");
    /// ```
    ///
    /// # Panics
    ///
    /// When several series have these labels, with a list of them: the test means one, or their
    /// [`sum`](Self::sum).
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test kit fails the test")]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let scrape = self.scrape();
        match scrape.find(name, labels) {
            Matched::None => None,
            Matched::One(series) => Some(series.value),
            Matched::Several(found) => panic!("{}", explain_several(name, labels, &found)),
        }
    }

    /// Returns the sum of all series that have this Prometheus name and these labels, as PromQL's `sum` does; `None`
    /// where there is none.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let business = test.telemetry().business();
    /// business.record_ai_generation("caption");
    /// business.record_ai_generation("image");
    /// assert_eq!(test.sum("vantage_business_ai_generations_total", &[]), Some(2.0));
    /// ```
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let scrape = self.scrape();
        let found = scrape.matching(name, labels);
        (!found.is_empty()).then(|| found.iter().map(|series| series.value).sum())
    }

    /// Returns all series of a Prometheus name in the order of their labels; buckets are in their own order.
    #[must_use]
    pub fn series(&self, name: &str) -> Vec<Series> {
        let mut series: Vec<_> = self.scrape().named(name).cloned().collect();
        series.sort_by_cached_key(|series| {
            let labels = series.labels.iter().filter(|(name, _)| name != "le");
            labels.cloned().collect::<Vec<_>>()
        });
        series
    }

    /// Asserts the [`value`](Self::value) of a series, but for the rounding of sums such as 0.1 + 0.2.
    ///
    /// # Panics
    ///
    /// When it is another one, and when there is no such series or more than one; with the value found, and the
    /// nearest series or name.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test kit fails the test")]
    pub fn assert_value(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let scrape = self.scrape();
        match scrape.find(name, labels) {
            Matched::None => panic!("{}", scrape.explain_none(name, labels)),
            Matched::Several(found) => panic!("{}", explain_several(name, labels, &found)),
            Matched::One(series) => assert!(
                is_same(series.value, expected),
                "{}",
                explain_value(expected, series.value, &[series])
            ),
        }
    }

    /// Asserts the [`sum`](Self::sum) of series, as [`assert_value`](Self::assert_value) does for one.
    ///
    /// # Panics
    ///
    /// When it is another one, and when there is no such series.
    #[track_caller]
    pub fn assert_sum(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let scrape = self.scrape();
        let found = scrape.matching(name, labels);
        assert!(!found.is_empty(), "{}", scrape.explain_none(name, labels));
        let sum = found.iter().map(|series| series.value).sum();
        assert!(
            is_same(sum, expected),
            "{}",
            explain_value(expected, sum, &found)
        );
    }

    /// Reads a scrape: what Prometheus sees, and not what the instruments hold.
    fn scrape(&self) -> Scrape {
        let text = self.telemetry.scrape(ExpositionFormat::Text);
        Scrape::parse(&text.unwrap_or_default())
    }

    /// Returns the one span of this name that has ended.
    ///
    /// # Panics
    ///
    /// When there is none or more than one, with the names that there are and the spans that are still open: that of
    /// a request ends with the body of its response.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test kit fails the test")]
    pub fn span(&self, name: &str) -> RecordedSpan {
        self.spans
            .named(name)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the sampled spans that have ended so far, in the order of their ends.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// test.telemetry().database("sqlite").query("SELECT", "posts").succeed();
    /// assert_eq!(test.spans()[0].name, "SELECT posts");
    /// ```
    #[must_use]
    pub fn spans(&self) -> Vec<RecordedSpan> {
        self.spans.all()
    }

    /// Returns the same as the SDK has them.
    #[doc(hidden)]
    #[must_use]
    pub fn span_data(&self) -> Vec<SpanData> {
        self.spans.data()
    }

    /// Returns the log lines so far, at most the latest 10,000: those of this thread since the telemetry was made,
    /// and those of the telemetry itself from whichever thread. `logs.level` decides as in a service.
    ///
    /// Where the thread has made several, the latest that still lives gets the thread's lines; and so do the spans
    /// of `tracing`. [`capture`](Self::capture) is for another order, and for other threads. A subscriber that the
    /// test sets afterwards goes before; [`Telemetry::tracing_layer`] is what it needs.
    ///
    /// A test that fails shows them.
    #[must_use]
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.capture.lines()
    }

    /// Returns the one log line whose message contains this text.
    ///
    /// # Panics
    ///
    /// When there is none or more than one, with the lines that there are.
    #[must_use]
    #[track_caller]
    pub fn log_line(&self, text: &str) -> LogLine {
        let lines = self.log_lines();
        let mut found = lines.iter().filter(|line| line.message.contains(text));
        let (first, more) = (found.next(), found.count());
        let shown = lines.iter().map(|line| format!("\n  {line}"));
        let listed = || shown.clone().collect::<String>();
        assert!(
            more == 0,
            "{} log lines say {text:?}:{}",
            more + 1,
            listed()
        );
        let line = first.cloned();
        line.unwrap_or_else(|| panic_with(&format!("no log line says {text:?}:{}", listed())))
    }

    /// Sends log lines and `tracing` spans of the present thread here until the guard is dropped, as those of the
    /// test's own thread are from the start.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let _captured = test.capture();
    ///         tracing::info!("from another thread");
    ///     });
    /// });
    /// assert_eq!(test.log_lines().len(), 1);
    /// ```
    pub fn capture(&self) -> CaptureGuard {
        self.capture.enter()
    }

    /// Returns the report of one objective at this moment, such as `api.latency`.
    ///
    /// # Panics
    ///
    /// When there is none of this name, with those that there are.
    #[must_use]
    #[track_caller]
    pub fn objective(&self, id: &str) -> ObjectiveReport {
        let objectives = self.report().objectives;
        let ids: Vec<_> = objectives.iter().map(ObjectiveReport::id).collect();
        let found = objectives.into_iter().find(|one| one.id() == id);
        found.unwrap_or_else(|| {
            panic_with(&format!(
                "no objective is called {id}; there are: {}",
                ids.join(", ")
            ))
        })
    }

    /// Asserts the good and bad events that an objective has counted, such as `api.error_rate`.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::trace::Carrier;
    /// use vantage_obs::{Config, Role};
    ///
    /// let file = r#"{"workers": {"queue_lag": {"target": 99, "threshold": 300, "window": "30d"}}}"#;
    /// let config = Config::new("mailer", Role::Worker);
    /// let test = TestTelemetry::with_config(config, &[("workers.json", file)])?;
    /// let due = test.clock().wall();
    /// test.clock().advance(std::time::Duration::from_secs(301));
    /// test.telemetry().worker("w1").start("mail", due, &Carrier::EMPTY).succeed();
    /// test.assert_events("workers.queue_lag", 0, 1);
    /// # Ok::<(), vantage_obs::InitError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When they are others, and when no objective of this name counts events.
    #[track_caller]
    pub fn assert_events(&self, objective: &str, good: u64, bad: u64) {
        let counts: Vec<_> = self.telemetry.slo_events().collect();
        let found = counts.iter().find(|counts| counts.objective == objective);
        let Some(found) = found else {
            let names: Vec<_> = counts.iter().map(|counts| counts.objective).collect();
            panic_with(&format!(
                "no objective is called {objective} that counts events; there are: {}",
                names.join(", ")
            ))
        };
        assert_eq!(
            (found.good, found.bad),
            (good, bad),
            "good and bad events of {objective}"
        );
    }

    /// Runs every health check once, whether it is due or not, and waits for the results: at most 10 s.
    ///
    /// A status changes after `health.fail_after` failures, by default three, and `health.recover_after` successes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use vantage_obs::health::{Finding, HealthStatus};
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// test.telemetry().health_check("stock").critical().run(|| async { Finding::pass() });
    /// test.telemetry().started();
    /// assert!(!test.health().is_ready);
    /// test.run_checks().await;
    /// assert!(test.health().is_ready);
    /// assert_eq!(test.health().check("stock").status, Some(HealthStatus::Pass));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When a check does not come back in time. The clock of the test stands still, so that no run times out by it.
    pub async fn run_checks(&self) {
        self.tick();
        let health = &self.telemetry.0.watch.health;
        health.run_all();
        let start = Instant::now();
        loop {
            let running = health.running();
            if running.is_empty() {
                return;
            }
            assert!(
                start.elapsed() < RUNS,
                "health checks did not come back within 10 s: {}",
                running.join(", ")
            );
            tokio::task::yield_now().await;
        }
    }

    /// Returns the health at this moment, as the routes answer it.
    #[must_use]
    pub fn health(&self) -> ServiceHealth {
        let state = self.telemetry.0.snapshots.health.read();
        ServiceHealth::new(&state, self.clock.now())
    }

    /// Returns what has been added to the one total by day, such as `posts_published`, that has these labels, and
    /// maybe more, or its largest value. `None` for a total that nothing was recorded in.
    ///
    /// ```
    /// use vantage_obs::figure::Figure;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::{Config, Role};
    ///
    /// let orders = Figure::counter("shop.orders").label("tenant", 200).label("payment", 3).daily_total();
    /// let test = TestTelemetry::with_config(Config::new("shop", Role::Api).figure(orders), &[])?;
    /// test.telemetry().counter("shop.orders").add(2, &[("tenant", "acme"), ("payment", "card")]);
    /// assert_eq!(test.daily_total("shop.orders", &[("tenant", "acme")]), Some(2));
    /// assert_eq!(test.daily_total("shop.orders", &[("tenant", "other")]), None);
    /// # Ok::<(), vantage_obs::InitError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When several totals have these labels, with a list of them.
    #[must_use]
    #[track_caller]
    pub fn daily_total(&self, metric: &str, labels: &[(&str, &str)]) -> Option<u64> {
        let found = self.totals(|totals| totals.find(metric, labels));
        found.unwrap_or_else(|several| panic_with(&several))
    }

    /// Asserts the [`daily_total`](Self::daily_total) of these labels.
    ///
    /// # Panics
    ///
    /// When it is another one, and when there is no such total or more than one; with the value found, and the
    /// nearest total or name.
    #[track_caller]
    pub fn assert_daily_total(&self, metric: &str, labels: &[(&str, &str)], expected: u64) {
        let said = self.totals(|totals| totals.explain(metric, labels, expected));
        if let Some(said) = said {
            panic_with(&said);
        }
    }

    /// Looks at the totals by day as they are now.
    fn totals<T>(&self, look: impl FnOnce(&DailyTotals) -> T) -> T {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.add(self.telemetry.0.recording.business_totals.read());
        look(&totals)
    }
}

/// Fails the test.
#[track_caller]
#[expect(clippy::panic, reason = "a test kit fails the test")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}

/// A path that the telemetry serves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServedPath {
    /// The path. `{worker_id}` and `{incident_id}` stand for an id.
    pub path: String,
    /// True for the pages, feed and documents that show the status to the public.
    pub is_public: bool,
}

impl Default for TestTelemetry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
