//! The precedence of several parts with one name.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use prometheus::proto::MetricType::{COUNTER, GAUGE, HISTOGRAM, SUMMARY, UNTYPED};

use super::super::{Exposition, ExpositionFormat};
use super::fixture::{
    Provider, counter, family, gauge, histogram, omissions, samples, summary, write,
};

fn with_resource(name: &'static str) -> Provider {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", name))
        .build();
    Provider::with(Temporality::Cumulative, |it| it.with_resource(resource))
}

#[test]
fn metrics_of_two_providers_are_merged_and_the_first_wins() {
    let (ours, user) = (Provider::new(), Provider::new());
    let depth = |provider: &Provider, help| {
        provider
            .meters
            .meter("")
            .u64_gauge("depth")
            .with_description(help)
            .build()
    };
    depth(&ours, "First.").record(1, &[]);
    depth(&user, "Second.").record(2, &[]);
    depth(&user, "Second.").record(3, &[KeyValue::new("queue", "mail")]);
    let (ours, user) = (ours.collect(), user.collect());
    let exposition = Exposition::new(ExpositionFormat::Text)
        .otel("ours", &ours)
        .otel("user", &user);
    let (text, report) = write(exposition);
    let expected = "# HELP depth First.\n# TYPE depth gauge\ndepth 1\ndepth{queue=\"mail\"} 3\n";
    assert_eq!(text, expected);
    assert_eq!(omissions(&report), ["user depth DuplicateSeries 1"]);
}

#[test]
fn a_type_conflict_leaves_the_later_metric_out() {
    let provider = Provider::new();
    let meter = |scope| provider.meters.meter(scope);
    meter("a").u64_gauge("depth").build().record(1, &[]);
    meter("b").f64_histogram("depth").build().record(1.0, &[]);
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    assert_eq!(
        samples(&text).len() + report.omissions.len(),
        if text.contains("gauge") { 2 } else { 19 }
    );
    assert_eq!(omissions(&report), ["test depth TypeConflict 1"]);
}

#[test]
fn a_registry_cannot_take_or_mix_with_our_names() {
    let provider = Provider::new();
    let meter = provider.meters.meter("");
    meter.u64_counter("jobs").build().add(1, &[]);
    meter
        .f64_histogram("wait")
        .with_boundaries(vec![])
        .build()
        .record(1.0, &[]);
    let collected = provider.collect();
    let gathered = [
        family("jobs_total", COUNTER, vec![counter(&[("a", "b")], 2.0)]),
        family("wait_count", GAUGE, vec![gauge(&[], 1.0)]),
        family("theirs", GAUGE, vec![gauge(&[], 1.0)]),
    ];
    let exposition = Exposition::new(ExpositionFormat::Text)
        .otel("ours", &collected)
        .families("registry", &gathered);
    let (text, report) = write(exposition);
    let names: Vec<_> = samples(&text).into_keys().collect();
    let expected = [
        "jobs_total []",
        "theirs []",
        "wait_bucket [(\"le\", \"inf\")]",
        "wait_count []",
        "wait_sum []",
    ];
    assert_eq!(names, expected);
    let expected = [
        "registry jobs_total NameTaken 1",
        "registry wait_count NameTaken 1",
    ];
    assert_eq!(omissions(&report), expected);
}

#[test]
fn there_is_one_target_info() {
    let (first, same, other) = (with_resource("a"), with_resource("a"), with_resource("b"));
    let (first, same, other) = (first.collect(), same.collect(), other.collect());
    let gathered = [family("target", GAUGE, vec![gauge(&[], 1.0)])];
    let exposition = Exposition::new(ExpositionFormat::OpenMetrics)
        .otel("first", &first)
        .otel("same", &same)
        .otel("other", &other)
        .families("registry", &gathered);
    let (text, report) = write(exposition);
    let expected = "# HELP target Help of target.\n# TYPE target gauge\ntarget 1\n\
        # HELP target_info Target metadata\n# TYPE target_info gauge\n\
        target_info{service_name=\"a\"} 1\n# EOF\n";
    assert_eq!(text, expected);
    assert_eq!(omissions(&report), ["other target_info ResourceConflict 1"]);
}

#[test]
fn what_prometheus_would_refuse_is_left_out_and_the_rest_is_not() {
    let gathered = [
        family("9bad", GAUGE, vec![gauge(&[], 1.0)]),
        family("", GAUGE, vec![gauge(&[], 1.0)]),
        family("bad-name", GAUGE, vec![gauge(&[], 1.0)]),
        family("empty", GAUGE, vec![]),
        family(
            "mixed",
            GAUGE,
            vec![
                gauge(&[("ok", "1")], 1.0),
                gauge(&[("not-ok", "1")], 1.0),
                gauge(&[("twice", "1"), ("twice", "2")], 1.0),
                gauge(&[("ok", "1")], 2.0),
                gauge(&[("le", "is just a label here")], f64::NAN),
            ],
        ),
        family(
            "lost_total",
            COUNTER,
            vec![counter(&[], -1.0), counter(&[("x", "")], f64::NAN)],
        ),
        family(
            "falling",
            HISTOGRAM,
            vec![histogram(&[(1.0, 2), (2.0, 1)], 2, 1.0)],
        ),
        family(
            "short",
            HISTOGRAM,
            vec![histogram(&[(1.0, 1), (f64::INFINITY, 1)], 2, 1.0)],
        ),
        family("odd", SUMMARY, vec![summary(&[(1.5, 1.0)], 1, 1.0)]),
    ];
    let (text, report) =
        write(Exposition::new(ExpositionFormat::Text).families("registry", &gathered));
    let expected = "# HELP mixed Help of mixed.\n# TYPE mixed gauge\n\
        mixed{ok=\"1\"} 1\nmixed{le=\"is just a label here\"} NaN\n";
    assert_eq!(text, expected);
    let expected = [
        "registry 9bad InvalidName 1",
        "registry  InvalidName 1",
        "registry bad-name InvalidName 1",
        "registry falling InvalidValue 1",
        "registry lost_total InvalidValue 2",
        "registry mixed InvalidLabel 2",
        "registry mixed DuplicateSeries 1",
        "registry odd InvalidValue 1",
        "registry short InvalidValue 1",
    ];
    assert_eq!(omissions(&report), expected);
}

/// Which of the two depends on a feature of `prometheus` that any crate in the tree can turn on.
#[test]
fn an_untyped_metric_is_unknown_to_open_metrics_or_reported() {
    let gathered = [family("free", UNTYPED, vec![gauge(&[], 1.0)])];
    let (text, report) =
        write(Exposition::new(ExpositionFormat::OpenMetrics).families("user", &gathered));
    if report.series == 1 {
        assert!(
            text.ends_with("# TYPE free unknown\nfree 0\n# EOF\n"),
            "{text}"
        );
    } else {
        assert_eq!(text, "# EOF\n");
        assert_eq!(omissions(&report), ["user free Untyped 1"]);
    }
}
