//! Metrics and log records, as the Collector wrote them into its files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::instruments::Currency;
use vantage_obs::logs::LogWriter;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use super::{all, config, setting, start, unique, wait_for};

/// Something of one service that the Collector took: a span, a metric or a log record, in OTLP's JSON.
pub(super) struct ExportedItem {
    pub(super) resource: BTreeMap<String, Value>,
    pub(super) item: Value,
}

/// What the Collector has taken so far of one signal from one service.
pub(super) fn received(signal: TelemetrySignal, service: &str) -> Vec<ExportedItem> {
    let folder = setting("VANTAGE_TEST_COLLECTOR_OUT");
    let file = Path::new(&folder).join(format!("{signal}.jsonl"));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .flat_map(|line: Value| of_service(signal, service, &line))
        .collect()
}

/// Waits until there is something.
pub(super) async fn wait_for_items(signal: TelemetrySignal, service: &str) -> Vec<ExportedItem> {
    let what = format!("{signal} of {service}");
    wait_for(&what, async || {
        Some(received(signal, service)).filter(|received| !received.is_empty())
    })
    .await
}

fn of_service(signal: TelemetrySignal, service: &str, line: &Value) -> Vec<ExportedItem> {
    let [resources, scopes, items] = match signal {
        TelemetrySignal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        TelemetrySignal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
        _ => ["resourceLogs", "scopeLogs", "logRecords"],
    };
    let mut found = Vec::new();
    for part in all(&line[resources]) {
        let resource = attributes(&part["resource"]);
        if resource.get("service.name") == Some(&json!(service)) {
            let items = all(&part[scopes]).flat_map(|scope| all(&scope[items]));
            found.extend(items.map(|item| ExportedItem {
                resource: resource.clone(),
                item: item.clone(),
            }));
        }
    }
    found
}

/// Attributes with their values out of OTLP's wrapping: `{"intValue":"7"}` is `"7"`.
fn attributes(of: &Value) -> BTreeMap<String, Value> {
    all(&of["attributes"])
        .map(|pair| {
            let value = pair["value"].as_object().and_then(|v| v.values().next());
            (
                pair["key"].as_str().unwrap().to_owned(),
                value.cloned().unwrap_or_default(),
            )
        })
        .collect()
}

fn assert_resource(received: &ExportedItem, service: &str) {
    for (key, expected) in [
        ("service.name", service),
        ("service.version", "1.2.3"),
        ("deployment.environment.name", "proof"),
        ("cloud.region", "eu-north"),
    ] {
        assert_eq!(received.resource.get(key), Some(&json!(expected)), "{key}");
    }
    assert!(received.resource.contains_key("service.instance.id"));
}

/// The data of the newest metric with this name, and its only point.
fn metric<'a>(received: &'a [ExportedItem], name: &str, kind: &str) -> (&'a Value, &'a Value) {
    let found = received
        .iter()
        .rev()
        .find(|received| received.item["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name}"));
    let data = &found.item[kind];
    let points: Vec<_> = all(&data["dataPoints"]).collect();
    assert_eq!(points.len(), 1, "{name}: {:#}", found.item);
    (data, points[0])
}

async fn metrics_arrive(protocol: Protocol) {
    let service = unique("metrics");
    let mut config = config(&service, Role::Worker, "COLLECTOR", protocol);
    config.metrics.otlp.enabled = true;
    let telemetry = start(config);
    let euro = Currency::new("EUR").unwrap();
    telemetry.business().record_revenue(euro, 1_999);
    telemetry.business().record_revenue(euro, 1);
    let pool = telemetry.database("postgresql").pool("primary");
    for milliseconds in [1, 250, 750, 20_000] {
        pool.record_wait(Duration::from_millis(milliseconds));
    }
    let own = telemetry.meter("newsletter");
    own.u64_counter("newsletter.sent").build().add(7, &[]);
    telemetry
        .worker("w")
        .start("mail", SystemTime::now(), &Carrier::EMPTY)
        .succeed();
    let report = telemetry.shutdown().await.unwrap();
    assert!(report.signal(TelemetrySignal::Metrics).unwrap().exported > 10);

    let received = wait_for_items(TelemetrySignal::Metrics, &service).await;
    assert_resource(&received[0], &service);
    let (sum, point) = metric(&received, "vantage.business.revenue", "sum");
    assert_eq!(sum["isMonotonic"], true);
    assert_eq!(sum["aggregationTemporality"], 2, "cumulative");
    assert_eq!(point["asInt"], "2000");
    assert_eq!(attributes(point)["currency"], "EUR");

    let (histogram, point) = metric(&received, "db.client.connection.wait_time", "histogram");
    assert_eq!(histogram["aggregationTemporality"], 2, "cumulative");
    let bounds = json!([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
    assert_eq!(numbers(&point["explicitBounds"]), numbers(&bounds));
    let counts = ["1", "0", "0", "0", "0", "1", "1", "0", "0", "1"];
    assert_eq!(point["bucketCounts"], json!(counts));
    assert_eq!(point["count"], "4");
    let sum = point["sum"].as_f64().unwrap();
    assert!((sum - 21.001).abs() < 1e-9, "{sum}");
    assert_eq!(
        attributes(point)["db.client.connection.pool.name"],
        "primary"
    );

    let (_, point) = metric(&received, "newsletter.sent", "sum");
    assert_eq!(point["asInt"], "7", "a meter of one's own is pushed too");
    let (_, point) = metric(&received, "vantage.worker.jobs", "sum");
    assert_eq!(point["asInt"], "1");
    assert_eq!(attributes(point)["outcome"], "succeeded");
}

fn numbers(array: &Value) -> Vec<f64> {
    all(array).map(|number| number.as_f64().unwrap()).collect()
}

fn logging(service: &str, protocol: Protocol) -> Config {
    let mut config = config(service, Role::Worker, "COLLECTOR", protocol);
    config.logs.otlp = true;
    config
}

async fn logs_arrive(protocol: Protocol) {
    let service = unique("logs");
    let telemetry = start(logging(&service, protocol));
    let layer = telemetry.tracing_layer(LogWriter::from_writer(std::io::sink()));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("outside of any trace");
        tracing::debug!("too fine");
        let worker = telemetry.worker("w");
        let job = worker.start("mail", SystemTime::now(), &Carrier::EMPTY);
        job.in_scope(|| tracing::warn!(post = 7, text = "ünï \"quoted\"\n", "not published"));
        job.fail("upstream_timeout");
    });
    let report = telemetry.shutdown().await.unwrap();
    assert_eq!(report.signal(TelemetrySignal::Logs).unwrap().exported, 2);

    let received = wait_for_items(TelemetrySignal::Logs, &service).await;
    assert_eq!(received.len(), 2);
    for received in &received {
        assert_resource(received, &service);
    }
    let (outside, inside) = (&received[0].item, &received[1].item);
    assert_eq!(outside["body"]["stringValue"], "outside of any trace");
    assert_eq!(outside["severityText"], "INFO");
    assert_eq!(outside["severityNumber"], 9);
    assert_eq!(outside["traceId"].as_str().unwrap_or_default(), "");

    assert_eq!(inside["body"]["stringValue"], "not published");
    assert_eq!(inside["severityText"], "WARN");
    assert_eq!(inside["severityNumber"], 13);
    let fields = attributes(inside);
    assert_eq!(fields["post"], "7");
    assert_eq!(fields["text"], "ünï \"quoted\"\n");

    let spans = wait_for_items(TelemetrySignal::Traces, &service).await;
    assert_eq!(spans.len(), 1);
    let job = &spans[0].item;
    assert_eq!(job["name"], "mail");
    assert_eq!(inside["traceId"], job["traceId"]);
    assert_eq!(inside["spanId"], job["spanId"]);
    assert_eq!(job["status"]["code"], 2, "error");
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn the_collector_has_the_exact_counts_sums_and_buckets_over_grpc() {
    metrics_arrive(Protocol::Grpc).await;
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn the_collector_has_the_exact_counts_sums_and_buckets_over_http() {
    metrics_arrive(Protocol::HttpProtobuf).await;
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn the_collector_has_log_records_with_their_trace_over_grpc() {
    logs_arrive(Protocol::Grpc).await;
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn the_collector_has_log_records_with_their_trace_over_http() {
    logs_arrive(Protocol::HttpProtobuf).await;
}
