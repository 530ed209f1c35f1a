//! What leaves by OTLP, and what a receiver does to us.

mod alone;
pub(crate) mod broken_receiver;
mod lifecycle;
mod metrics;
mod ports;
pub(crate) mod receiver;
mod refusals;
mod round_trip;
#[cfg(feature = "tls")]
mod tls;
mod torture;

use http::{HeaderMap, Method, StatusCode};
use vantage_obs::config::{Environment, Protocol};
use vantage_obs::{Config, Telemetry};

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// A service that keeps every trace and pushes it to this endpoint.
pub(crate) fn config(endpoint: &str, protocol: Protocol) -> Config {
    let mut config = crate::support::config();
    config.otlp.endpoint = Some(endpoint.parse().unwrap());
    config.otlp.protocol = protocol;
    config.traces.sample_ratio = 1.0;
    config
}

pub(crate) fn start(config: Config) -> Telemetry {
    Telemetry::without_globals(config, &Environment::empty()).expect("the configuration is valid")
}

/// Makes so many spans.
pub(crate) fn make_spans(telemetry: &Telemetry, count: usize) {
    let uri = "http://billing:8080/invoices/7".parse().unwrap();
    for _ in 0..count {
        telemetry
            .http_call(&Method::GET, &uri, &mut HeaderMap::new())
            .complete(StatusCode::OK);
    }
}
