//! A thread of the telemetry that panics, as the scrape, health and the log of a service show it.
//!
//! In a process of its own: the subscriber is the process's. The panic is the service's log, on the thread
//! that refreshes the fleet's report, where nothing but the supervisor catches it.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use vantage_obs::health::HealthStatus;
use vantage_obs::{Config, ExpositionFormat, Role, Telemetry};

use crate::processes::child::eventually;
use crate::support::sample_with;

const SCENE: &str = "VANTAGE_TEST_THREADS";
const TEST_NAME: &str = "threads::a_thread_that_panics_costs_its_rounds_and_is_told_once";
const FLEET_LINE: &str = "the report of the fleet's objectives could not be updated";
const DOWN: &str = "a thread of the telemetry is down; it is started again, and this is told once";
const UP: &str = "a thread of the telemetry is up again";

/// A log that keeps its lines, and panics at one of them while it is told to.
#[derive(Clone, Default)]
struct FragileLog {
    panics: Arc<AtomicBool>,
    lines: Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>,
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for FragileLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = BTreeMap::new();
        event.record(&mut Fields(&mut line));
        let is_fleet = line.get("message").is_some_and(|text| text == FLEET_LINE);
        self.lines.lock().unwrap().push(line);
        assert!(
            !(is_fleet && self.panics.load(Ordering::SeqCst)),
            "the service's log is broken"
        );
    }
}

impl FragileLog {
    /// The threads that lines of this message name.
    fn threads_with(&self, message: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let found = lines
            .iter()
            .filter(|line| line.get("message").is_some_and(|text| text == message));
        found.map(|line| line["thread"].clone()).collect()
    }
}

fn fleet_is_up(telemetry: &Telemetry) -> Option<f64> {
    let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
    let labels = [("thread", "vantage-fleet")];
    sample_with(&text, "vantage_telemetry_thread_up", &labels)
}

fn run_service() {
    let log = FragileLog::default();
    log.panics.store(true, Ordering::SeqCst);
    let subscriber = tracing_subscriber::registry().with(log.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let mut config = Config::new("threads", Role::Api);
    // Nothing listens at the port for discarding.
    config.slo.prometheus.url = Some("http://127.0.0.1:9".parse().unwrap());
    config.slo.prometheus.interval = Duration::from_secs(1);
    config.health.interval = Duration::from_secs(1);
    let telemetry = vantage_obs::init(config).unwrap();
    telemetry.started();
    eventually("the thread is down", || {
        fleet_is_up(&telemetry) == Some(0.0)
    });
    eventually("health warns", || telemetry.health() == HealthStatus::Warn);
    assert!(telemetry.is_ready());
    // It panics in further rounds, of which nothing is told.
    let rounds = || {
        log.lines
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.get("message").is_some_and(|text| text == FLEET_LINE))
            .count()
    };
    eventually("it is tried again", || rounds() >= 2);
    assert_eq!(log.threads_with(DOWN), ["vantage-fleet"]);
    log.panics.store(false, Ordering::SeqCst);
    eventually("the thread is up", || fleet_is_up(&telemetry) == Some(1.0));
    eventually("health passes", || telemetry.health() == HealthStatus::Pass);
    eventually("that is told", || !log.threads_with(UP).is_empty());
    assert_eq!(log.threads_with(DOWN), ["vantage-fleet"]);
    assert_eq!(log.threads_with(UP), ["vantage-fleet"]);
    telemetry.shutdown_blocking().unwrap();
}

#[test]
fn a_thread_that_panics_costs_its_rounds_and_is_told_once() {
    if std::env::var_os(SCENE).is_some() {
        return run_service();
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST_NAME, "--nocapture", "--test-threads=1"])
        .env(SCENE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}
