//! An endpoint on a port that is another protocol's is accepted, with a hint.

use vantage_obs::config::Protocol;

use super::{config, start};

#[test]
fn a_port_of_another_protocol_is_answered_with_the_right_one() {
    for (port, protocol, hint) in [
        (14250, Protocol::Grpc, "4317"),
        (14250, Protocol::HttpProtobuf, "4318"),
        (4317, Protocol::HttpProtobuf, "4318"),
        (4318, Protocol::Grpc, "4317"),
    ] {
        let telemetry = start(config(&format!("http://127.0.0.1:{port}"), protocol));
        let warnings = telemetry.config().warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(hint), "{warnings:?}");
    }
    for (port, protocol) in [(4317, Protocol::Grpc), (4318, Protocol::HttpProtobuf)] {
        let telemetry = start(config(&format!("http://127.0.0.1:{port}"), protocol));
        assert!(telemetry.config().warnings().is_empty());
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_the_tls_feature_an_encrypted_endpoint_is_a_fault_that_names_it() {
    for protocol in super::PROTOCOLS {
        let config = config("https://collector:4319", protocol);
        let environment = vantage_obs::config::Environment::empty();
        let error = vantage_obs::Telemetry::without_globals(config, &environment).unwrap_err();
        assert!(error.to_string().contains("`tls` feature"), "{error}");
    }
}
