//! Parity: where `opentelemetry-prometheus` is right, the series are the same.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use prometheus::TextEncoder;

use super::super::ExpositionFormat;
use super::fixture::{Provider, samples};

/// A provider with an instrument of every kind, and values and labels that are awkward to write.
fn every_instrument() -> Provider {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "api \"one\""))
        .with_attribute(KeyValue::new("host.id", 7_i64))
        .build();
    let provider = Provider::with(Temporality::Cumulative, |it| it.with_resource(resource));
    let meter = provider.meters.meter("every");
    let mail = [
        KeyValue::new("queue.name", "mail"),
        KeyValue::new("path", "C:\\new\n\"x\""),
    ];
    let other = [
        KeyValue::new("same-key", "b"),
        KeyValue::new("same.key", true),
        KeyValue::new("z", 0.25),
    ];

    let requests = meter
        .u64_counter("requests")
        .with_description("Line\nand \\ \"q\"")
        .build();
    requests.add(3, &mail);
    requests.add((1 << 53) + 1, &other);
    let work = meter.f64_counter("work").with_unit("s").build();
    work.add(0.1, &mail);
    work.add(0.2, &mail);
    meter
        .i64_up_down_counter("depth")
        .with_unit("{item}")
        .build()
        .add(-4, &mail);
    meter
        .f64_up_down_counter("level")
        .with_unit("m")
        .build()
        .add(-0.5, &[]);
    meter
        .u64_gauge("u.gauge")
        .with_unit("By")
        .build()
        .record(u64::MAX, &mail);
    meter
        .i64_gauge("i.gauge")
        .with_unit("By/s")
        .build()
        .record(i64::MIN, &[]);
    let share = meter.f64_gauge("share").with_unit("1").build();
    share.record(f64::NEG_INFINITY, &mail);
    share.record(1e-300, &other);
    let bounds = vec![0.005, 0.5, 1.0, 10.0, 1e6, 1e21];
    let latency = meter
        .f64_histogram("latency")
        .with_unit("s")
        .with_boundaries(bounds)
        .build();
    for value in [0.001, 0.3, 1.0, 12.5, 1e22] {
        latency.record(value, &mail);
        latency.record(value, &[]);
    }
    let size = meter.u64_histogram("size").with_unit("KiBy").build();
    size.record(17, &other);
    let _ = meter
        .u64_observable_counter("seen")
        .with_callback(|it| it.observe(9, &[KeyValue::new("by", "callback")]))
        .build();
    let _ = meter
        .f64_observable_counter("seen.f")
        .with_callback(|it| it.observe(9.5, &[]))
        .build();
    let _ = meter
        .i64_observable_up_down_counter("now")
        .with_callback(|it| it.observe(-9, &[]))
        .build();
    let _ = meter
        .f64_observable_up_down_counter("now.f")
        .with_callback(|it| it.observe(-9.5, &[]))
        .build();
    let _ = meter
        .u64_observable_gauge("at")
        .with_unit("%")
        .with_callback(|it| it.observe(9, &[]))
        .build();
    let _ = meter
        .i64_observable_gauge("at.i")
        .with_unit("Cel")
        .with_callback(|it| it.observe(-9, &[]))
        .build();
    let _ = meter
        .f64_observable_gauge("at.f")
        .with_callback(|it| it.observe(0.9, &[]))
        .build();
    provider
}

#[test]
fn series_and_values_equal_those_of_opentelemetry_prometheus() {
    let provider = every_instrument();
    let reference = TextEncoder::new()
        .encode_to_string(&provider.registry.gather())
        .unwrap();
    let reference = samples(&reference);
    let (text, report) = provider.scrape(ExpositionFormat::Text);
    let exposed = samples(&text);
    assert_eq!(report.omissions, []);
    assert_eq!(exposed, reference);
    assert_eq!(exposed.len(), 52, "{text}");
}

#[test]
fn series_and_values_are_the_same_in_both_formats() {
    let provider = every_instrument();
    let (text, _) = provider.scrape(ExpositionFormat::Text);
    let (open_metrics, _) = provider.scrape(ExpositionFormat::OpenMetrics);
    assert_eq!(samples(&open_metrics), samples(&text));
}

#[test]
fn integers_beyond_what_a_float_holds_are_exact() {
    let (text, _) = every_instrument().scrape(ExpositionFormat::Text);
    assert!(text.contains(" 9007199254740993\n"));
    assert!(text.contains(" 18446744073709551615\n"));
    assert!(text.contains(" -9223372036854775808\n"));
}
