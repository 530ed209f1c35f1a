//! The Collector's locked doors: TLS, client certificates and a token. The right key gets in; with a
//! wrong one the report says why, and nothing arrives.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use vantage_obs::config::{Protocol, Secret, TelemetrySignal};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use super::collector::{received, wait_for_items};
use super::{config, setting, start, unique};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

fn certificate(file: &str) -> Option<PathBuf> {
    Some(PathBuf::from(setting("VANTAGE_TEST_CERTS")).join(file))
}

/// A worker with one thing to tell, and its name; `door` is one of the Collector's.
fn at(endpoint: &str, protocol: Protocol, change: impl FnOnce(&mut Config)) -> Config {
    let service = unique("worker");
    let mut config = config(&service, Role::Worker, endpoint, protocol);
    change(&mut config);
    config
}

/// What the report says about one span that the service sent: how many were taken, and why not.
async fn send(config: Config) -> (u64, String) {
    let telemetry = start(config);
    let worker = telemetry.worker("w");
    worker
        .start("mail", SystemTime::now(), &Carrier::EMPTY)
        .succeed();
    let report = telemetry.shutdown_within(Duration::from_secs(3)).await;
    let report = report.unwrap_or_else(|incomplete| incomplete.0);
    let traces = report.signal(TelemetrySignal::Traces).unwrap();
    let cause = traces.cause.clone().unwrap_or_default();
    assert_eq!(
        traces.exported + traces.refused + traces.left,
        1,
        "{report}"
    );
    (traces.exported, cause)
}

async fn gets_in(config: Config) {
    let service = config.service.name.clone();
    assert_eq!(send(config).await, (1, String::new()));
    let spans = wait_for_items(TelemetrySignal::Traces, &service).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].item["name"], "mail");
}

/// Tried before the right key is, whose arrival shows that this could have arrived by now.
async fn stays_out(config: Config, why: &[&str]) -> String {
    let (service, protocol) = (config.service.name.clone(), config.otlp.protocol);
    let (exported, cause) = send(config).await;
    assert_eq!(exported, 0);
    let told = why.iter().any(|why| cause.contains(why));
    assert!(told, "{cause:?} over {protocol}");
    service
}

async fn assert_locked(wrong: Vec<(Config, &[&str])>, right: Config) {
    let mut outside = Vec::new();
    for (config, why) in wrong {
        outside.push(stays_out(config, why).await);
    }
    gets_in(right).await;
    for service in outside {
        assert!(
            received(TelemetrySignal::Traces, &service).is_empty(),
            "{service}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn tls_needs_the_authority_that_signed_the_receiver() {
    for protocol in BOTH {
        let unknown = at("COLLECTOR_TLS", protocol, |_| ());
        let known = at("COLLECTOR_TLS", protocol, |config| {
            config.otlp.tls.ca = certificate("ca.pem");
        });
        assert_locked(vec![(unknown, &["not signed by a known authority"])], known).await;
    }
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn mutual_tls_needs_a_client_certificate() {
    for protocol in BOTH {
        let without = at("COLLECTOR_MTLS", protocol, |config| {
            config.otlp.tls.ca = certificate("ca.pem");
        });
        let with = at("COLLECTOR_MTLS", protocol, |config| {
            config.otlp.tls.ca = certificate("ca.pem");
            config.otlp.tls.client_certificate = certificate("client.pem");
            config.otlp.tls.client_key = certificate("client.key");
        });
        assert_locked(vec![(without, &["requires a client certificate"])], with).await;
    }
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn a_bearer_token_must_be_the_right_one() {
    for protocol in BOTH {
        let with = |token: Option<String>| {
            at("COLLECTOR_TOKEN", protocol, |config| {
                let header = token.map(|token| Secret::new(format!("Bearer {token}")));
                let headers = &mut config.otlp.headers;
                headers.extend(header.map(|header| ("authorization".to_owned(), header)));
            })
        };
        let denied: &[&str] = match protocol {
            Protocol::Grpc => &["UNAUTHENTICATED"],
            _ => &["401"],
        };
        let wrong = vec![(with(None), denied), (with(Some("guess".into())), denied)];
        let right = with(Some(setting("VANTAGE_TEST_COLLECTOR_TOKEN")));
        assert_locked(wrong, right).await;
    }
}
