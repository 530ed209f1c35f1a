//! A small scrape, word for word, in both formats.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use prometheus::proto::MetricType::{COUNTER, GAUGE, HISTOGRAM, SUMMARY};

use super::super::{Exposition, ExpositionFormat, accepts_gzip};
use super::fixture::{Provider, counter, family, gauge, histogram, summary, write};

/// Returns the same small scrape in a format. When they were written down, `promtool check metrics`
/// read the text, with a complaint about the name `user_clicks` only, and the OpenMetrics parser of
/// Prometheus' Python client read the other.
fn scrape(format: ExpositionFormat) -> String {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "api"))
        .build();
    let provider = Provider::with(Temporality::Cumulative, |it| it.with_resource(resource));
    let meter = provider.meters.meter("golden");
    let mail = [KeyValue::new("queue.name", "mail \"a\\b\"\n")];
    let jobs = meter
        .u64_counter("jobs")
        .with_description("Jobs \"done\"\nwith \\.");
    jobs.build().add(3, &mail);
    let busy = meter
        .f64_counter("busy")
        .with_unit("s")
        .with_description("Time spent.");
    busy.build().add(0.1 + 0.2, &[]);
    let wait = meter
        .f64_histogram("wait")
        .with_unit("s")
        .with_description("Time waited.");
    let wait = wait.with_boundaries(vec![0.005, 1.0, 1e6]).build();
    wait.record(0.5, &mail);
    wait.record(7.0, &mail);
    let share = meter
        .f64_gauge("share")
        .with_unit("1")
        .with_description("Share used.");
    share.build().record(0.25, &[]);

    let mut dated = gauge(&[], 21.5);
    dated.set_timestamp_ms(1_700_000_000_042);
    let gathered = [
        family("user_clicks", COUNTER, vec![counter(&[("kind", "x")], 5.0)]),
        family("user_jobs_total", COUNTER, vec![counter(&[], 1e15)]),
        family(
            "user_room",
            GAUGE,
            vec![dated, gauge(&[("floor", "2")], f64::NAN)],
        ),
        family(
            "user_size",
            HISTOGRAM,
            vec![histogram(&[(1.0, 1), (2.5, 1)], 2, 4.5)],
        ),
        family(
            "user_time",
            SUMMARY,
            vec![summary(&[(0.5, 0.25), (1.0, 2.0)], 4, 3.0)],
        ),
    ];
    let collected = provider.collect();
    let exposition = Exposition::new(format)
        .otel("ours", &collected)
        .families("registry", &gathered);
    let (text, report) = write(exposition);
    assert_eq!(report.omissions, []);
    text
}

#[test]
fn text_is_as_written_down() {
    assert_eq!(scrape(ExpositionFormat::Text), include_str!("golden.prom"));
}

#[test]
fn open_metrics_is_as_written_down() {
    assert_eq!(
        scrape(ExpositionFormat::OpenMetrics),
        include_str!("golden.om")
    );
}

#[test]
fn an_empty_scrape_is_empty() {
    assert_eq!(write(Exposition::new(ExpositionFormat::Text)).0, "");
    assert_eq!(
        write(Exposition::new(ExpositionFormat::OpenMetrics)).0,
        "# EOF\n"
    );
}

#[test]
fn gzip_is_for_those_who_name_it() {
    let accepted = [Some("gzip"), Some("br, gzip;q=0.5"), Some("*")];
    let refused = [Some("gzip;q=0, *"), Some("identity"), Some(""), None];
    assert!(accepted.into_iter().all(accepts_gzip));
    assert!(!refused.into_iter().any(accepts_gzip));
}
