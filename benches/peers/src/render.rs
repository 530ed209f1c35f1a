//! Rendering 10,000 series: counters, and histograms of 14 buckets.

use opentelemetry::KeyValue;
use prometheus::{Encoder, TextEncoder};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use vantage_obs::Config;
use vantage_obs::ExpositionFormat;
use vantage_obs::config::{Environment, Role};

use crate::{measure, row};

const SERIES: usize = 10_000;
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

pub(crate) fn run() {
    for histograms in [false, true] {
        println!(
            "-- rendering {SERIES} {}",
            if histograms {
                "histograms of 14 buckets"
            } else {
                "counters"
            }
        );
        let mut config = Config::new("bench", Role::Api);
        config.metrics.cardinality_limit = 2 * SERIES;
        let ours =
            vantage_obs::Telemetry::without_globals(config, &Environment::empty()).expect("valid");
        fill(&ours.meter("bench"), histograms);
        let sdk_registry = otel(histograms);
        let client = client(histograms);
        let sdk = measure(1, || {
            let mut text = Vec::new();
            TextEncoder::new()
                .encode(&sdk_registry.1.gather(), &mut text)
                .expect("encodes");
            std::hint::black_box(text);
        });
        let peer = measure(1, || {
            let mut text = String::new();
            encode(&mut text, &client).expect("encodes");
            std::hint::black_box(text);
        });
        row("opentelemetry-prometheus and TextEncoder", sdk, sdk);
        row("prometheus-client", peer, sdk);
        row(
            "ours: collect and write text",
            measure(1, || drop(ours.scrape(ExpositionFormat::Text))),
            sdk,
        );
        row(
            "ours: collect and write OpenMetrics",
            measure(1, || drop(ours.scrape(ExpositionFormat::OpenMetrics))),
            sdk,
        );
    }
}

fn fill(meter: &opentelemetry::metrics::Meter, histograms: bool) {
    let counter = (!histograms).then(|| meter.u64_counter("bench.events").build());
    let histogram = histograms.then(|| {
        meter
            .f64_histogram("bench.duration")
            .with_boundaries(BOUNDS.to_vec())
            .build()
    });
    for number in 0..SERIES {
        let labels = [
            KeyValue::new("method", "GET"),
            KeyValue::new("route", format!("/route/{number}")),
            KeyValue::new("status", "200"),
        ];
        if let Some(counter) = &counter {
            counter.add(1, &labels);
        }
        if let Some(histogram) = &histogram {
            histogram.record(0.003, &labels);
        }
    }
}

fn otel(
    histograms: bool,
) -> (
    opentelemetry_sdk::metrics::SdkMeterProvider,
    prometheus::Registry,
) {
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()
        .expect("valid");
    let view = |_: &Instrument| {
        Stream::builder()
            .with_cardinality_limit(2 * SERIES)
            .build()
            .ok()
    };
    let provider = SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_view(view)
        .build();
    fill(&provider.meter("bench"), histograms);
    (provider, registry)
}

fn client(histograms: bool) -> prometheus_client::registry::Registry {
    type Labels = Vec<(String, String)>;
    let mut registry = prometheus_client::registry::Registry::default();
    let counters = Family::<Labels, Counter>::default();
    let distributions =
        Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    for number in 0..SERIES {
        let labels = [
            ("method", "GET".to_owned()),
            ("route", format!("/route/{number}")),
            ("status", "200".to_owned()),
        ];
        let labels: Labels = labels.map(|(key, value)| (key.to_owned(), value)).into();
        if histograms {
            distributions.get_or_create(&labels).observe(0.003);
        } else {
            counters.get_or_create(&labels).inc();
        }
    }
    registry.register("events", "events", counters);
    registry.register("duration", "duration", distributions);
    registry
}
