//! What is sent to real back ends is read back from them: Jaeger, the OpenTelemetry Collector,
//! Prometheus 3, PostgreSQL. They are not in `cargo test`, because they have to be built and started:
//!
//! ```console
//! .ci/backends run cargo test --all-features --lib --test it backends -- --ignored
//! ```
//!
//! Without them these tests fail; they never pass by doing nothing.

#[cfg(all(unix, feature = "postgres"))]
mod business_totals;
mod collector;
mod endpoints;
#[cfg(all(unix, feature = "postgres"))]
mod fleet;
mod jaeger;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod prometheus;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use vantage_obs::config::{Endpoint, Environment, Protocol};
use vantage_obs::{Config, Role, Telemetry};

/// How long a back end may take to show what it took.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What `.ci/backends` says about the servers that it started.
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set, so there is no server to test against: \
             .ci/backends run cargo test --all-features --lib --test it backends -- --ignored"
        )
    })
}

/// Where a back end takes OTLP by this protocol.
fn endpoint(name: &str, protocol: Protocol) -> Endpoint {
    let suffix = match protocol {
        Protocol::Grpc => "GRPC",
        _ => "HTTP",
    };
    let name = format!("VANTAGE_TEST_{name}_{suffix}");
    setting(&name).parse().expect("the address is an endpoint")
}

/// A name of a service that no earlier run has used: back ends may outlive a run.
fn unique(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

/// A service that sends all its traces to a back end.
fn config(service: &str, role: Role, back_end: &str, protocol: Protocol) -> Config {
    let mut config = Config::new(service, role).version("1.2.3");
    config.service.environment = Some("proof".into());
    let attributes = &mut config.service.attributes;
    attributes.insert("cloud.region".into(), "eu-north".into());
    config.otlp.endpoint = Some(endpoint(back_end, protocol));
    config.otlp.protocol = protocol;
    config.traces.sample_ratio = 1.0;
    config
}

fn start(config: Config) -> Telemetry {
    Telemetry::without_globals(config, &Environment::empty()).expect("the configuration is valid")
}

/// Asks again until there is an answer.
async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| panic!("{what} did not arrive within {TIMEOUT:?}"))
}

/// What an address answers, if that is JSON.
async fn json(url: &str) -> Option<Value> {
    let answer = reqwest::get(url).await.expect("the back end is there");
    let text = answer.text().await.expect("the answer is whole");
    serde_json::from_str(&text).ok()
}

/// The members of an array, and none where there is none.
fn all(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
