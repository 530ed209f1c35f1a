use metrics::{Unit, with_local_recorder};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, ExpositionFormat, Role};

/// Runs a dependency's code with the recorder of a telemetry.
fn recorded(test: &TestTelemetry, dependency: impl FnOnce()) {
    with_local_recorder(&test.telemetry().metrics_recorder(), dependency);
}

fn scrape(test: &TestTelemetry) -> String {
    test.telemetry().scrape(ExpositionFormat::Text).unwrap()
}

#[test]
fn each_kind_is_scraped_with_its_help_unit_and_labels() {
    let test = TestTelemetry::new();
    recorded(&test, || {
        metrics::describe_counter!("cache.lookups", Unit::Count, "Lookups in the cache");
        metrics::describe_gauge!("cache.size", Unit::Bytes, "Size of the cache");
        metrics::describe_histogram!("cache.load", Unit::Milliseconds, "Time to load");
        metrics::counter!("cache.lookups", "result" => "hit").increment(2);
        metrics::counter!("cache.lookups", "result" => "hit").increment(1);
        metrics::gauge!("cache.size").set(4096);
        metrics::histogram!("cache.load", "shard" => "7").record(75.0);
    });
    let text = scrape(&test);
    for line in [
        "# HELP cache_lookups_total Lookups in the cache",
        "# TYPE cache_lookups_total counter",
        "cache_lookups_total{result=\"hit\"} 3",
        "# TYPE cache_size_bytes gauge",
        "cache_size_bytes 4096",
        "cache_load_milliseconds_bucket{shard=\"7\",le=\"50.0\"} 0",
        "cache_load_milliseconds_bucket{shard=\"7\",le=\"75.0\"} 1",
        "cache_load_milliseconds_sum{shard=\"7\"} 75",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_counter_may_be_set_and_a_gauge_added_to() {
    let test = TestTelemetry::new();
    recorded(&test, || {
        let counter = metrics::counter!("lines");
        counter.absolute(7);
        counter.absolute(5);
        counter.increment(1);
        let gauge = metrics::gauge!("open");
        gauge.increment(2.5);
        gauge.decrement(1.0);
    });
    assert_eq!(test.value("lines_total", &[]), Some(8.0));
    assert_eq!(test.value("open", &[]), Some(1.5));
}

#[test]
fn labels_in_another_order_are_the_same_series() {
    let test = TestTelemetry::new();
    recorded(&test, || {
        metrics::counter!("jobs", "kind" => "mail", "queue" => "a").increment(1);
        metrics::counter!("jobs", "queue" => "a", "kind" => "mail").increment(1);
    });
    let labels = [("kind", "mail"), ("queue", "a")];
    assert_eq!(test.value("jobs_total", &labels), Some(2.0));
}

#[test]
fn two_metrics_are_never_one_and_none_is_ours() {
    let test = TestTelemetry::new();
    recorded(&test, || {
        metrics::gauge!("pool.size").set(1);
        metrics::gauge!("pool_size").set(2);
        metrics::counter!("vantage_api_requests").increment(1_000);
    });
    assert_eq!(test.value("pool_size", &[]), Some(1.0));
    assert!(!scrape(&test).contains("1000"));
    let left_out = test.value(
        "vantage_telemetry_scrape_errors_total",
        &[("part", "meter")],
    );
    assert_eq!(left_out, Some(2.0));
}

#[test]
fn series_past_the_limit_are_one_and_the_known_ones_stay() {
    let mut config = Config::new("test", Role::Api);
    config.metrics.cardinality_limit = 10;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    recorded(&test, || {
        for user in 0..20 {
            metrics::counter!("logins", "user" => user.to_string()).increment(1);
            metrics::histogram!("sizes", "user" => user.to_string()).record(1.0);
        }
        metrics::counter!("logins", "user" => "8").increment(1);
    });
    let value = |name, labels: &[(&str, &str)]| test.value(name, labels);
    assert_eq!(value("logins_total", &[("user", "8")]), Some(2.0));
    assert_eq!(value("logins_total", &[("user", "9")]), None);
    let overflow = [("otel_metric_overflow", "true")];
    assert_eq!(value("logins_total", &overflow), Some(11.0));
    assert_eq!(value("sizes_count", &overflow), Some(11.0));
    let instrument = [("instrument", "sizes")];
    let counted = value("vantage_telemetry_series_overflow_total", &instrument);
    assert_eq!(counted, Some(11.0));
}

#[test]
fn a_value_that_is_no_number_is_dropped() {
    let test = TestTelemetry::new();
    recorded(&test, || {
        let histogram = metrics::histogram!("wait_seconds");
        histogram.record(f64::NAN);
        histogram.record(f64::INFINITY);
        histogram.record(0.5);
        // The sum would shrink, which is a restart to Prometheus.
        histogram.record(-0.25);
        metrics::histogram!("delta").record(-7.0);
    });
    assert_eq!(test.value("wait_seconds_sum", &[]), Some(0.5));
    assert_eq!(test.value("delta_count", &[]), None);
    for (metric, refused) in [("wait_seconds", 3.0), ("delta", 1.0)] {
        let labels = [("figure", metric), ("reason", "value")];
        let name = "vantage_telemetry_figure_mismatches_total";
        assert_eq!(test.value(name, &labels), Some(refused), "{metric}");
    }
    assert_eq!(
        test.value("wait_seconds_bucket", &[("le", "0.5")]),
        Some(1.0)
    );
}

#[test]
fn a_process_has_one_recorder() {
    let test = TestTelemetry::new();
    test.telemetry().install_metrics_recorder().unwrap();
    let second = TestTelemetry::new().telemetry().install_metrics_recorder();
    assert!(
        second
            .unwrap_err()
            .to_string()
            .contains("has a recorder already")
    );
    metrics::counter!("installed").increment(1);
    assert_eq!(test.value("installed_total", &[]), Some(1.0));
}
