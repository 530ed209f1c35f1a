//! The OTLP requests that we send, in a build where another crate turned on all features of OpenTelemetry's exporter.

#![cfg(test)]
#![allow(
    dead_code,
    reason = "the receiver can do more than is asked of it here"
)]

#[path = "../../it/otlp/receiver.rs"]
mod receiver;

use http::{HeaderMap, Method, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol as TheirProtocol, WithExportConfig as _};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use vantage_obs::config::{Environment, Protocol};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role, Telemetry};

use receiver::{Behaviour, Message, ReceivedExport, Receiver};

fn config(instance: &str) -> Config {
    let mut config = Config::new("test", Role::Api);
    config.service.instance_id = Some(instance.to_owned());
    config.traces.sample_ratio = 1.0;
    config
}

/// Spans of all kinds of ends.
fn make_spans(telemetry: &Telemetry) {
    let call = || {
        let uri = "http://billing:8080/invoices/7".parse().unwrap();
        telemetry.http_call(&Method::GET, &uri, &mut HeaderMap::new())
    };
    call().complete(StatusCode::OK);
    call().complete(StatusCode::BAD_GATEWAY);
    call().fail("timeout");
}

/// The one request that our exporter sends for these spans.
async fn ours(receiver: &Receiver, protocol: Protocol) -> ReceivedExport {
    let mut config = config("one");
    config.otlp.endpoint = Some(receiver.endpoint().parse().unwrap());
    config.otlp.protocol = protocol;
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    make_spans(&telemetry);
    telemetry.shutdown().await.unwrap();
    let mut arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), 1);
    arrivals.remove(0)
}

/// The same request without what is new in every run.
fn comparable(message: Message) -> ExportTraceServiceRequest {
    let Message::Traces(mut request) = message else {
        panic!("no traces: {message:?}");
    };
    for part in &mut request.resource_spans {
        let resource = part.resource.as_mut().unwrap();
        resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        for span in part
            .scope_spans
            .iter_mut()
            .flat_map(|scope| &mut scope.spans)
        {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            (span.trace_id, span.span_id) = (Vec::new(), Vec::new());
            (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0);
        }
    }
    request
}

/// Whether this is the child that has variables which obey the exporter's features; otherwise runs it.
fn in_child(test: &str) -> bool {
    const CHILD: &str = "VANTAGE_OBS_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-hostile=1,content-encoding=identity",
        )
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{test} failed alone: {said}");
    let ran = String::from_utf8_lossy(&child.stdout);
    assert!(ran.contains("1 passed"), "{test} is no test: {ran}");
    false
}

#[tokio::test]
async fn compression_and_headers_that_variables_turn_on_are_undone() {
    if !in_child("compression_and_headers_that_variables_turn_on_are_undone") {
        return;
    }
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(Behaviour::Accept);
        let arrival = ours(&receiver, protocol).await;
        assert_eq!(arrival.protocol, protocol);
        assert_eq!(arrival.headers.get("x-hostile"), None);
        assert_eq!(receiver.spans().len(), 3);
    }
}

#[tokio::test]
async fn the_protocol_is_the_configured_one_whatever_other_crates_turn_on() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(Behaviour::Accept);
        let arrival = ours(&receiver, protocol).await;
        assert_eq!(arrival.protocol, protocol);
        let kind = match protocol {
            Protocol::Grpc => "application/grpc",
            _ => "application/x-protobuf",
        };
        assert_eq!(arrival.headers["content-type"], kind);
        assert_eq!(receiver.spans().len(), 3);
    }
}

#[tokio::test]
async fn what_we_send_is_what_opentelemetrys_own_exporter_sends() {
    let receiver = Receiver::start(Behaviour::Accept);
    let ours = ours(&receiver, Protocol::Grpc).await;

    let test = TestTelemetry::with_config(config("one"), &[]).unwrap();
    make_spans(test.telemetry());
    let receiver = Receiver::start(Behaviour::Accept);
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(receiver.endpoint())
        .with_protocol(TheirProtocol::Grpc)
        .build()
        .unwrap();
    let resource = [
        KeyValue::new("service.name", "test"),
        KeyValue::new("service.instance.id", "one"),
    ];
    let resource = Resource::builder_empty().with_attributes(resource).build();
    exporter.set_resource(&resource);
    exporter.export(test.span_data()).await.unwrap();
    let theirs = receiver.arrivals().remove(0);
    assert_eq!(comparable(ours.message), comparable(theirs.message));
}
