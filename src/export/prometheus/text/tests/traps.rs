//! The mistakes of `opentelemetry-prometheus`, each with its proof that it doesn't happen here.

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, Stream, Temporality};

use super::super::{Exposition, ExpositionFormat};
use super::fixture::{Provider, omissions, samples, write};

#[test]
fn invalid_label_keys_are_made_valid() {
    let provider = Provider::new();
    let attributes = [
        KeyValue::new("9x", "1"),
        KeyValue::new("__name__", "2"),
        KeyValue::new("a:b", "3"),
        KeyValue::new("le", "4"),
        KeyValue::new("quantile", "5"),
    ];
    provider
        .meters
        .meter("")
        .u64_gauge("g")
        .build()
        .record(1, &attributes);
    let (text, _) = provider.scrape(ExpositionFormat::Text);
    let line = r#"g{a_b="3",key_9x="1",key___name__="2",key_le="4",key_quantile="5"} 1"#;
    assert!(text.lines().any(|it| it == line), "{text}");
}

#[test]
fn suffixes_are_not_doubled() {
    let provider = Provider::new();
    let meter = provider.meters.meter("");
    meter.u64_counter("jobs_total").build().add(1, &[]);
    meter
        .f64_counter("busy.seconds")
        .with_unit("s")
        .build()
        .add(1.0, &[]);
    meter
        .f64_gauge("age_seconds")
        .with_unit("s")
        .build()
        .record(1.0, &[]);
    let names: Vec<_> = samples(&provider.scrape(ExpositionFormat::Text).0)
        .into_keys()
        .collect();
    assert_eq!(
        names,
        ["age_seconds []", "busy_seconds_total []", "jobs_total []"]
    );
}

#[test]
fn a_count_of_ones_is_no_ratio() {
    let provider = Provider::new();
    let meter = provider.meters.meter("");
    meter.u64_counter("hits").with_unit("1").build().add(1, &[]);
    meter
        .i64_up_down_counter("depth")
        .with_unit("1")
        .build()
        .add(1, &[]);
    meter
        .f64_gauge("share")
        .with_unit("1")
        .build()
        .record(0.5, &[]);
    let names: Vec<_> = samples(&provider.scrape(ExpositionFormat::Text).0)
        .into_keys()
        .collect();
    assert_eq!(names, ["depth []", "hits_total []", "share_ratio []"]);
}

#[test]
fn one_name_in_two_scopes_is_one_family_without_duplicates() {
    let provider = Provider::new();
    for (scope, value, place) in [("a", 1, "here"), ("b", 2, "there")] {
        let counter = provider.meters.meter(scope).u64_counter("jobs").build();
        counter.add(value, &[KeyValue::new("place", place)]);
        counter.add(value, &[]);
    }
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    assert_eq!(text.matches("# TYPE jobs_total counter\n").count(), 1);
    assert_eq!(samples(&text).len(), 3, "{text}");
    assert_eq!(report.series, 3);
    assert_eq!(omissions(&report), ["test jobs DuplicateSeries 1"]);
}

#[test]
fn scopes_are_told_apart_by_their_labels_when_asked_for() {
    let provider = Provider::new();
    for version in ["1", "2"] {
        let scope = InstrumentationScope::builder("lib")
            .with_version(version)
            .with_attributes([KeyValue::new("team.name", "x"), KeyValue::new("name", "no")])
            .build();
        let counter = provider
            .meters
            .meter_with_scope(scope)
            .u64_counter("jobs")
            .build();
        counter.add(1, &[KeyValue::new("zone", "z")]);
    }
    let collected = provider.collect();
    let (text, report) = write(
        Exposition::new(ExpositionFormat::Text)
            .scope_labels(true)
            .otel("test", &collected),
    );
    let line = r#"jobs_total{otel_scope_name="lib",otel_scope_team_name="x",otel_scope_version="2",zone="z"} 1"#;
    assert!(text.lines().any(|it| it == line), "{text}");
    assert_eq!(report.series, 2);
    assert_eq!(report.omissions, []);
}

#[test]
fn attributes_that_become_one_label_set_are_one_series() {
    let provider = Provider::new();
    let gauge = provider.meters.meter("").u64_gauge("g").build();
    gauge.record(1, &[KeyValue::new("a.b", "x")]);
    gauge.record(1, &[KeyValue::new("a_b", "x")]);
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    assert_eq!(text, "# TYPE g gauge\ng{a_b=\"x\"} 1\n");
    assert_eq!(omissions(&report), ["test g DuplicateSeries 1"]);
}

#[test]
fn exponential_histograms_are_reported() {
    let exponential = |_: &Instrument| {
        let (max_size, max_scale, record_min_max) = (160, 20, false);
        let aggregation = Aggregation::Base2ExponentialHistogram {
            max_size,
            max_scale,
            record_min_max,
        };
        Stream::builder().with_aggregation(aggregation).build().ok()
    };
    let provider = Provider::with(Temporality::Cumulative, |it| it.with_view(exponential));
    provider
        .meters
        .meter("")
        .f64_histogram("wait")
        .build()
        .record(1.0, &[]);
    let (text, report) = provider.scrape(ExpositionFormat::OpenMetrics);
    assert_eq!(text, "# EOF\n");
    assert_eq!(omissions(&report), ["test wait ExponentialHistogram 1"]);
}

#[test]
fn changes_are_not_exposed_as_totals() {
    let provider = Provider::with(Temporality::Delta, |it| it);
    let meter = provider.meters.meter("");
    meter.u64_counter("jobs").build().add(1, &[]);
    meter.u64_gauge("depth").build().record(1, &[]);
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    assert_eq!(text, "# TYPE depth gauge\ndepth 1\n");
    assert_eq!(omissions(&report), ["test jobs DeltaTemporality 1"]);
}

#[test]
fn bound_series_without_values_have_no_least_and_greatest() {
    let provider = Provider::new();
    let wait = provider
        .meters
        .meter("")
        .f64_histogram("wait")
        .with_boundaries(vec![1.0])
        .build();
    let _bound = wait.bind(&[KeyValue::new("q", "x")]);
    let (text, _) = provider.scrape(ExpositionFormat::Text);
    let expected = "# TYPE wait histogram\nwait_bucket{q=\"x\",le=\"1.0\"} 0\nwait_bucket{q=\"x\",le=\"+Inf\"} 0\n\
        wait_sum{q=\"x\"} 0\nwait_count{q=\"x\"} 0\n";
    assert_eq!(text, expected);
}

#[test]
fn a_sum_that_is_no_counter_is_left_out_of_open_metrics_only() {
    let provider = Provider::new();
    let meter = provider.meters.meter("");
    let bounds = vec![-1.0, 1.0];
    meter
        .f64_histogram("drift")
        .with_boundaries(bounds)
        .build()
        .record(0.5, &[]);
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    assert_eq!(report.omissions, []);
    assert!(text.ends_with("drift_sum 0.5\ndrift_count 1\n"));
    let (text, report) = provider.scrape(ExpositionFormat::OpenMetrics);
    assert!(text.ends_with("drift_bucket{le=\"+Inf\"} 1\n# EOF\n"));
    assert_eq!(omissions(&report), ["test drift InvalidSum 1"]);
    assert_eq!(report.series, 1);
}
