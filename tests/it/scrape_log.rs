//! Omissions of a scrape, named once in the log of the service.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use vantage_obs::ExpositionFormat;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

use crate::support::{CapturedLog, scrape};

const OMITTED: &str = "a metric is left out of scrapes; told once";

/// A collector that panics as long as it is told to.
#[derive(Clone)]
struct Panics(std::sync::Arc<std::sync::atomic::AtomicBool>, Desc);

impl Collector for Panics {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.1]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let panics = self.0.load(std::sync::atomic::Ordering::Relaxed);
        assert!(!panics, "this collector panics");
        Vec::new()
    }
}

fn counter(name: &str) -> Box<prometheus::IntCounter> {
    Box::new(prometheus::IntCounter::new(name, "not ours").unwrap())
}

#[test]
fn a_metric_that_is_left_out_is_named_once_with_the_reason() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let worker = telemetry.worker("w1");
    let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    job.succeed();
    let registry = prometheus::Registry::new();
    registry
        .register(counter("vantage_worker_jobs_total"))
        .unwrap();
    telemetry.merge_registry(registry);
    let log = CapturedLog::default();
    let _guard = log.install(&test);
    for _ in 0..3 {
        scrape(&test);
        telemetry.scrape(ExpositionFormat::OpenMetrics).unwrap();
    }
    let lines = log.with_message(OMITTED);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["fields"]["part"], "registry");
    assert_eq!(lines[0]["fields"]["metric"], "vantage_worker_jobs_total");
    let reason = "its name belongs to another metric";
    assert_eq!(lines[0]["fields"]["reason"], reason);

    let another = prometheus::Registry::new();
    another
        .register(counter("vantage_telemetry_scrape_errors_total"))
        .unwrap();
    telemetry.merge_registry(another);
    scrape(&test);
    scrape(&test);
    assert_eq!(
        log.with_message(OMITTED).len(),
        2,
        "another one is named as well"
    );
}

#[test]
fn as_many_are_named_as_somebody_reads() {
    let test = TestTelemetry::new();
    let registry = prometheus::Registry::new();
    let meter = test.telemetry().meter("orders");
    for number in 0..150 {
        meter
            .u64_counter(format!("taken.{number}"))
            .build()
            .add(1, &[]);
        registry
            .register(counter(&format!("taken_{number}_total")))
            .unwrap();
    }
    test.telemetry().merge_registry(registry);
    let log = CapturedLog::default();
    let _guard = log.install(&test);
    for _ in 0..2 {
        scrape(&test);
    }
    assert_eq!(log.with_message(OMITTED).len(), 100);
    let others = "others that are left out of scrapes are told at debug level only";
    assert_eq!(log.with_message(others).len(), 1);
}

#[test]
fn a_part_that_fails_is_told_when_it_begins_and_when_it_ends() {
    let test = TestTelemetry::new();
    let desc = Desc::new("x".into(), "x".into(), Vec::new(), Default::default()).unwrap();
    let panics = Panics(Default::default(), desc);
    let registry = prometheus::Registry::new();
    registry.register(Box::new(panics.clone())).unwrap();
    test.telemetry().merge_registry(registry);
    let log = CapturedLog::default();
    let _guard = log.install(&test);
    for fails in [false, true, true, true, false, false, true] {
        panics.0.store(fails, std::sync::atomic::Ordering::Relaxed);
        scrape(&test);
    }
    let missing =
        log.with_message("a function of the service's is left out until it works again; told once");
    assert_eq!(missing.len(), 2);
    let name = "registry 1 of those that were merged";
    assert_eq!(missing[0]["fields"]["function"], name);
    assert_eq!(missing[0]["fields"]["failure"], "it panicked");
    let back = log.with_message("a function of the service's works again");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0]["fields"]["times"], 3);
    let errors = "vantage_telemetry_scrape_errors_total";
    assert_eq!(test.value(errors, &[("part", "registry")]), Some(5.0));
}
