//! Recording one finished piece of work with its labels: a database call here, a counter and a
//! histogram with three labels in the peers.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
use vantage_obs::Config;
use vantage_obs::config::{Environment, Role};

use crate::{measure, measure_together, row};

const CALLS: u64 = 200_000;
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

pub(crate) fn run() {
    println!("-- recording, labels looked up each time");
    let ours = vantage_obs::Telemetry::without_globals(
        Config::new("bench", Role::Api),
        &Environment::empty(),
    )
    .expect("valid");
    let pool = ours.database("sqlite").pool("primary");
    let business = ours.business();
    let with_handle = measure(CALLS, || {
        pool.record_wait(std::time::Duration::from_millis(3))
    });
    let looked_up = measure(CALLS, || business.record_ai_generation("caption"));
    let database = ours.database("sqlite");
    let query = measure(CALLS, || database.query("SELECT", "posts").succeed());

    let counter = IntCounterVec::new(Opts::new("c", "c"), &["a", "b", "c"]).expect("valid");
    let histogram = HistogramVec::new(
        HistogramOpts::new("h", "h").buckets(BOUNDS.to_vec()),
        &["a", "b", "c"],
    )
    .expect("valid");
    let labels = ["GET", "/posts/{id}", "200"];
    let prometheus = measure(CALLS, || {
        counter.with_label_values(&labels).inc();
        histogram.with_label_values(&labels).observe(0.003);
    });
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(prometheus::Registry::new())
        .build()
        .expect("valid");
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    let meter = provider.meter("bench");
    let (counter, histogram) = (
        meter.u64_counter("c").build(),
        meter
            .f64_histogram("h")
            .with_boundaries(BOUNDS.to_vec())
            .build(),
    );
    let sdk = measure(CALLS, || {
        let labels = [
            KeyValue::new("a", "GET"),
            KeyValue::new("b", "/posts/{id}"),
            KeyValue::new("c", "200"),
        ];
        counter.add(1, &labels);
        histogram.record(0.003, &labels);
    });
    row(
        "prometheus, counter and histogram looked up",
        prometheus,
        prometheus,
    );
    row(
        "opentelemetry_sdk, counter and histogram unbound",
        sdk,
        prometheus,
    );
    row("ours: a histogram, handle kept", with_handle, prometheus);
    row("ours: a counter, found by its label", looked_up, prometheus);
    row(
        "ours: a query, two clock readings and a histogram",
        query,
        prometheus,
    );
    compare_exports();
}

/// Measures what the push and the objectives add to a recording: one reader serves every export.
fn compare_exports() {
    println!("-- a job, scraped alone and with everything");
    let telemetry = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::new("bench", Role::Worker);
        config.traces.enabled = false;
        change(&mut config);
        vantage_obs::Telemetry::without_globals(config, &Environment::empty()).expect("valid")
    };
    let scraped = telemetry(&|_| {});
    let everything = telemetry(&|config| {
        config.otlp.endpoint = Some("http://127.0.0.1:9".parse().expect("valid"));
        config.metrics.otlp.enabled = true;
        config.slo.directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../slo").into();
    });
    let job = |telemetry: &vantage_obs::Telemetry| {
        let worker = telemetry.worker("w");
        move || {
            let due = std::time::SystemTime::now();
            worker
                .start("publish", due, &vantage_obs::trace::Carrier::EMPTY)
                .succeed();
        }
    };
    let (mut alone, mut all) = (job(&scraped), job(&everything));
    let [alone, all] = measure_together(CALLS / 4, [&mut alone, &mut all]);
    row("ours: a job, scraped", alone, alone);
    row(
        "ours: a job, scraped, pushed and judged by objectives",
        all,
        alone,
    );
}
