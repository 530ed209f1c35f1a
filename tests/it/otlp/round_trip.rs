//! What is recorded arrives, to the last item, by gRPC and by HTTP.

use std::collections::BTreeMap;
use std::time::SystemTime;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use vantage_obs::config::{Compression, Protocol, Secret, TelemetrySignal};
use vantage_obs::trace::Carrier;

use super::receiver::{Behaviour, ReceivedExport, Receiver, text};
use super::{PROTOCOLS, config, make_spans, start};

fn of(arrivals: &[ReceivedExport], signal: TelemetrySignal) -> &ReceivedExport {
    arrivals
        .iter()
        .find(|arrival| arrival.message.signal() == signal)
        .unwrap_or_else(|| panic!("no {signal} among {} requests", arrivals.len()))
}

#[tokio::test]
async fn a_span_arrives_with_its_name_kind_attributes_and_resource() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut config = config(&receiver.endpoint(), protocol).version("1.2.3");
        config.service.team = Some("billing".into());
        let telemetry = start(config);
        make_spans(&telemetry, 1);
        let report = telemetry.flush().await.unwrap();
        assert_eq!(report.to_string(), "traces: 1 exported");

        let arrivals = receiver.arrivals();
        assert_eq!(arrivals.len(), 1);
        assert_eq!(arrivals[0].protocol, protocol);
        let resource = arrivals[0].message.resource();
        assert_eq!(resource["service.name"], "test");
        assert_eq!(resource["service.version"], "1.2.3");
        assert_eq!(resource["vantage.team"], "billing");
        let span = &receiver.spans()[0];
        assert_eq!((span.name.as_str(), span.kind()), ("GET", SpanKind::Client));
        let attributes: BTreeMap<_, _> = span
            .attributes
            .iter()
            .map(|attribute| (attribute.key.as_str(), text(attribute.value.clone())))
            .collect();
        assert_eq!(attributes["url.full"], "http://billing:8080/invoices/7");
        assert_eq!(span.trace_id.len(), 16);
    }
}

#[tokio::test]
async fn metrics_of_ours_and_of_the_users_meter_arrive_in_one_push() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut config = config(&receiver.endpoint(), protocol);
        config.metrics.otlp.enabled = true;
        config.traces.sample_ratio = 0.0;
        let telemetry = start(config);
        let worker = telemetry.worker("w1");
        worker
            .start("publish_post", SystemTime::now(), &Carrier::EMPTY)
            .succeed();
        let meter = telemetry.meter("invoices");
        meter.u64_counter("invoices.sent").build().add(2, &[]);
        let report = telemetry.flush().await.unwrap();

        let arrivals = receiver.arrivals();
        assert_eq!(arrivals.len(), 1, "no spans, one push");
        let metrics = arrivals[0].message.metrics();
        assert_eq!(metrics["vantage.worker.jobs"], 1, "{metrics:?}");
        assert_eq!(metrics["invoices.sent"], 1, "{metrics:?}");
        assert_eq!(arrivals[0].message.resource()["service.name"], "test");
        let metrics = report.signal(TelemetrySignal::Metrics).unwrap();
        assert_eq!(metrics.exported, receiver.count(TelemetrySignal::Metrics));
        assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().exported, 0);
    }
}

#[test]
fn metrics_are_pushed_at_every_interval() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut config = config(&receiver.endpoint(), Protocol::HttpProtobuf);
    config.metrics.otlp.enabled = true;
    config.metrics.otlp.interval = std::time::Duration::from_millis(50);
    let _telemetry = start(config);
    receiver.wait_for(3);
}

#[test]
fn spans_are_sent_when_a_batch_is_full_and_when_the_delay_is_over() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut config = config(&receiver.endpoint(), protocol);
        config.traces.batch.size = 10;
        let delay = std::time::Duration::from_millis(800);
        config.traces.batch.delay = delay;
        let started = std::time::Instant::now();
        let telemetry = start(config);
        make_spans(&telemetry, 25);
        let arrivals = receiver.wait_for(3);
        let sizes: Vec<_> = arrivals.iter().map(|a| a.message.items()).collect();
        assert_eq!(sizes, [10, 10, 5]);
        let after = |index: usize| arrivals[index].at - started;
        assert!(after(1) < delay, "{:?}", after(1));
        assert!(after(2) >= delay, "{:?}", after(2));
    }
}

#[tokio::test]
async fn the_reports_of_flush_and_shutdown_are_exact() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut config = config(&receiver.endpoint(), protocol);
        config.traces.batch.size = 100;
        config.traces.batch.delay = std::time::Duration::from_secs(3600);
        config.metrics.otlp.enabled = true;
        let telemetry = start(config);
        make_spans(&telemetry, 99);
        let flushed = telemetry.flush().await.unwrap();
        assert_eq!(
            flushed.signal(TelemetrySignal::Traces).unwrap().exported,
            99
        );
        assert_eq!(receiver.count(TelemetrySignal::Traces), 99);
        let points = receiver.count(TelemetrySignal::Metrics);
        assert_eq!(
            flushed.signal(TelemetrySignal::Metrics).unwrap().exported,
            points
        );

        make_spans(&telemetry, 42);
        let ended = telemetry.shutdown().await.unwrap();
        assert_eq!(ended.signal(TelemetrySignal::Traces).unwrap().exported, 42);
        assert_eq!(receiver.count(TelemetrySignal::Traces), 141);
        let more = receiver.count(TelemetrySignal::Metrics) - points;
        assert_eq!(
            ended.signal(TelemetrySignal::Metrics).unwrap().exported,
            more
        );
    }
}

#[tokio::test]
async fn each_signal_has_its_endpoint_its_headers_and_its_encoding() {
    for protocol in PROTOCOLS {
        let (general, own) = (
            Receiver::start(Behaviour::Accept),
            Receiver::start(Behaviour::Accept),
        );
        let mut config = config(&general.endpoint(), protocol);
        let secret = |value: &str| Secret::new(value);
        config.otlp.headers = BTreeMap::from([
            ("x-tenant".to_owned(), secret("acme")),
            ("authorization".to_owned(), secret("Bearer general")),
        ]);
        config.metrics.otlp.enabled = true;
        let metrics = &mut config.otlp.metrics;
        metrics.endpoint = Some(
            format!("{}/own/v1/metrics", own.endpoint())
                .parse()
                .unwrap(),
        );
        metrics.compression = Some(Compression::None);
        metrics.headers =
            BTreeMap::from([("authorization".to_owned(), secret("Bearer of-metrics"))]);
        let telemetry = start(config);
        make_spans(&telemetry, 50);
        telemetry.shutdown().await.unwrap();

        let (general, own) = (general.arrivals(), own.arrivals());
        assert_eq!((general.len(), own.len()), (1, 1));
        let traces = of(&general, TelemetrySignal::Traces);
        let metrics = of(&own, TelemetrySignal::Metrics);
        assert_eq!(traces.headers["authorization"], "Bearer general");
        assert_eq!(metrics.headers["authorization"], "Bearer of-metrics");
        for arrival in [traces, metrics] {
            assert_eq!(arrival.headers["x-tenant"], "acme");
            let agent = &arrival.headers["user-agent"];
            assert!(agent.starts_with("vantage-obs/"), "{agent}");
            assert!(agent.contains(" OTel-OTLP-Exporter-Rust/"), "{agent}");
        }
        let encoding = match protocol {
            Protocol::Grpc => "grpc-encoding",
            _ => "content-encoding",
        };
        let encoded = |arrival: &ReceivedExport| arrival.headers.get(encoding).cloned();
        assert_eq!(encoded(traces).as_deref(), Some("gzip"));
        assert_eq!(encoded(metrics), None);
    }
}

#[tokio::test]
async fn user_and_password_of_the_url_become_a_header_and_leave_the_url() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let with_user = format!("http://ops:pa%20ss@{}", receiver.address());
        let telemetry = start(config(&with_user, protocol));
        make_spans(&telemetry, 1);
        telemetry.shutdown().await.unwrap();
        let headers = &receiver.arrivals()[0].headers;
        // base64 of "ops:pa ss".
        assert_eq!(headers["authorization"], "Basic b3BzOnBhIHNz");
        let everything = format!("{headers:?}");
        assert!(!everything.contains("pa%20ss"), "{everything}");
    }
}
