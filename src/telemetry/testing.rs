//! Telemetry for tests: no globals, no threads, and a clock in the hand.
//!
//! ```
//! use std::time::Duration;
//! use vantage_obs::testing::TestTelemetry;
//! use vantage_obs::trace::Carrier;
//!
//! let test = TestTelemetry::new();
//! let worker = test.telemetry().worker("w1");
//! let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
//! test.clock().advance(Duration::from_secs(2));
//! job.succeed();
//! let labels = [("job_kind", "publish_post"), ("outcome", "succeeded")];
//! assert_eq!(test.value("vantage_worker_jobs_total", &labels), Some(1.0));
//! assert_eq!(test.value("vantage_worker_job_duration_seconds_sum", &labels), Some(2.0));
//! ```

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
pub use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::{Span, SpanProcessor};

use crate::background::Supervisor;
use crate::background::log_queue::LogQueue;
use crate::config::{Config, ConfigSource, Environment, Role};
use crate::export::prometheus::text::ExpositionFormat;
use crate::model::slo::report::SloReport;
use crate::model::slo::{Objectives, SloError};
use crate::record::clock::Clock;
use crate::record::sync::lock;
use crate::telemetry::{InitError, Telemetry};

/// Telemetry whose time stands still until it is moved. Nothing runs in the background:
/// [`tick`](Self::tick) does what the sampler does every second.
///
/// Start-up is as after [`init`](crate::init): the service is not ready before the first tick, nor before
/// [`Telemetry::started`], the routes are taken, or 10 s of this clock have passed.
#[derive(Debug)]
pub struct TestTelemetry {
    telemetry: Telemetry,
    clock: ManualClock,
    spans: FinishedSpans,
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
        let objectives = Self::objectives(objectives)?;
        // A fixed date, so that a test's output is the same on every day.
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let mut config = config.resolve(&Environment::empty())?;
        if config.source("traces.sample_ratio") == ConfigSource::Default {
            // A test that looks for its one trace would miss nine of ten.
            config.config.traces.sample_ratio = 1.0;
        }
        let spans = FinishedSpans::default();
        let kept = Box::new(spans.clone());
        let supervisor = Supervisor::with_immediate_lines();
        let telemetry =
            Telemetry::assemble(config, &objectives, clock.clone(), Some(kept), supervisor)?;
        Ok(Self {
            telemetry,
            clock: ManualClock(clock),
            spans,
        })
    }

    fn objectives(files: &[(&str, &str)]) -> Result<Objectives, SloError> {
        if files.is_empty() {
            Ok(Objectives::default())
        } else {
            Objectives::parse(files)
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
    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.all()
    }

    /// Looks at everything that is watched, once.
    /// The order is that of dependence: samples, then checks, beats, the store, and what is judged
    /// from them.
    pub fn tick(&self) {
        let inner = &self.telemetry.0;
        inner.watch.sampler.tick();
        inner.watch.health.tick();
        inner.heartbeat.service.tick(&LogQueue::Immediate);
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

    /// Returns the value of the series with this Prometheus name and exactly these labels, in any order; `None` where
    /// there is no such series.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let name = "vantage_business_ai_generations_total";
    /// assert_eq!(test.value(name, &[("generation_kind", "caption")]), None, "nothing was recorded");
    /// test.telemetry().business().record_ai_generation("caption");
    /// assert_eq!(test.value(name, &[("generation_kind", "caption")]), Some(1.0));
    /// assert_eq!(test.value(name, &[]), None, "no such series: a label is missing");
    /// ```
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let text = self.telemetry.scrape(ExpositionFormat::Text)?;
        let escape = |value: &str| value.replace('\\', r"\\").replace('"', r#"\""#);
        let mut labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{}", escape(value)))
            .collect();
        labels.sort();
        text.lines().find_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            // A test kit that reads the scrape, and not the instruments, sees what Prometheus sees.
            let (found, rest) = series.split_once('{').unwrap_or((series, "}"));
            let rest = rest.strip_suffix('}')?.trim_end_matches(',');
            let mut present: Vec<_> = rest
                .strip_suffix('"')
                .unwrap_or(rest)
                .split("\",")
                .filter(|label| !label.is_empty())
                .collect();
            present.sort_unstable();
            (found == name && present == labels).then(|| value.parse().ok())?
        })
    }
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

/// The clock of a [`TestTelemetry`]. Clones share its time.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::testing::TestTelemetry;
///
/// let test = TestTelemetry::new();
/// let (now, wall) = (test.clock().now(), test.clock().wall());
/// test.clock().advance(Duration::from_secs(60));
/// assert_eq!(test.clock().now() - now, Duration::from_secs(60));
/// assert_eq!(test.clock().wall().duration_since(wall)?, Duration::from_secs(60));
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    /// Returns the monotonic time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Returns the time of day.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}

/// Keeps sampled spans that have ended.
#[derive(Clone, Debug, Default)]
struct FinishedSpans(Arc<Mutex<Vec<SpanData>>>);

impl FinishedSpans {
    fn all(&self) -> Vec<SpanData> {
        lock(&self.0).clone()
    }
}

impl SpanProcessor for FinishedSpans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            let mut spans = lock(&self.0);
            spans.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Default for TestTelemetry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn own_lines_are_written_at_once_and_without_a_thread() {
        let test = TestTelemetry::new();
        let supervisor = &test.telemetry.0.recording.supervisor;
        let is_written = Arc::new(AtomicBool::new(false));
        let written = Arc::clone(&is_written);
        supervisor
            .log_queue()
            .write(move || written.store(true, Ordering::SeqCst));
        assert!(is_written.load(Ordering::SeqCst));
        assert!(supervisor.threads().is_empty());
    }
}
