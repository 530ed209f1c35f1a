//! Memory while 100,000 distinct label values arrive.

use http::{Request, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
use tower::{Layer, Service, ServiceExt};
use vantage_obs::config::{Environment, Role};
use vantage_obs::middleware::RouteTemplate;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Telemetry};

use crate::alloc;

const VALUES: usize = 100_000;
/// The most growth once an instrument holds its limit of series, in bytes.
const GROWTH: i64 = 64 * 1024;

pub(crate) fn run() {
    println!("-- memory held after {VALUES} distinct values of one label");
    let telemetry =
        Telemetry::without_globals(Config::new("bench", Role::Worker), &Environment::empty())
            .expect("valid");
    let limit = telemetry.config().config.metrics.cardinality_limit;
    let business = telemetry.business();
    let ours = held(limit, |value| business.record_ai_generation(value));
    row("ours: a counter", ours);
    let worker = telemetry.worker("w1");
    let jobs = held(limit, |value| {
        let now = std::time::SystemTime::now();
        worker.start(value, now, &Carrier::EMPTY).succeed();
    });
    row("ours: a job, five instruments", jobs);
    let requests = held(limit, http_requests(&telemetry));
    row("ours: the HTTP layer, two instruments", requests);
    for (past_limit, what) in [
        (ours.1, "counter"),
        (jobs.1, "job"),
        (requests.1, "request"),
    ] {
        assert!(past_limit <= GROWTH, "a {what} grew by {past_limit} bytes");
    }
    let counter = IntCounterVec::new(Opts::new("c", "c"), &["a"]).expect("valid");
    let peer = held(limit, |value| counter.with_label_values(&[value]).inc());
    row("prometheus: a counter", peer);
    let histogram = HistogramVec::new(HistogramOpts::new("h", "h"), &["a"]).expect("valid");
    let peer = held(limit, |value| {
        histogram.with_label_values(&[value]).observe(0.003);
    });
    row("prometheus: a histogram", peer);
}

/// Bytes held after the first `limit` values and a few, and what the rest of the values added.
fn held(limit: usize, mut record: impl FnMut(&str)) -> (i64, i64) {
    let mut record_all = |numbers: std::ops::Range<usize>| {
        alloc::held_growth(|| numbers.for_each(|number| record(&format!("value-{number}"))))
    };
    (record_all(0..limit + 10), record_all(limit + 10..VALUES))
}

fn http_requests(telemetry: &Telemetry) -> impl FnMut(&str) {
    let answer = tower::service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let mut service = telemetry.http_layer().layer(answer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    move |route| {
        let mut request = Request::new(());
        let template = RouteTemplate(format!("/{route}/{{id}}").into());
        request.extensions_mut().insert(template);
        runtime.block_on(async {
            let service = service.ready().await.expect("infallible");
            drop(service.call(request).await.expect("infallible"));
        });
    }
}

fn row(what: &str, (first, rest): (i64, i64)) {
    let [first, rest] = [first, rest].map(|bytes| bytes as f64 / 1024.0);
    println!("{what:58} {first:>12.1} KiB up to the limit, {rest:>+12.1} KiB past it");
}
