//! `https` with a certificate of an authority of one's own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use axum::http::StatusCode;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use vantage_obs::config::{Environment, Secret};
use vantage_obs::{Config, Role, Telemetry};

use super::command::run;
use super::{HEALTHY, objectives, serve_connection, wait_for_status};

const TOKEN: &str = "s3cret";

fn certificate_path(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    PathBuf::from(folder).join(name)
}

/// Serves an API over TLS, to requests with the token.
fn encrypted() -> SocketAddr {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(certificate_path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificate_path("server.key")).unwrap();
    let config = builder.with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(connection, socket);
            thread::spawn(move || serve_connection(stream, &respond));
        }
    });
    address
}

fn respond(path: &str, head: &str) -> (u16, String) {
    let wanted = format!("authorization: bearer {TOKEN}");
    match head.to_lowercase().contains(&wanted) {
        true => (200, HEALTHY.response_body(path)),
        false => (401, "who are you?".into()),
    }
}

#[test]
fn the_command_trusts_the_authority_that_it_is_given_and_no_other() {
    let url = format!("https://{}", encrypted());
    let folder = objectives();
    let folder = folder.path().display().to_string();
    let (ca, other) = (certificate_path("ca.pem"), certificate_path("other-ca.pem"));
    let (ca, other) = (ca.display().to_string(), other.display().to_string());
    let token = ("SLO_TOKEN", TOKEN);
    let run_report = |more: &[&str], variables: &[(&str, &str)]| {
        let mut arguments = vec!["--prometheus", &url, &folder, "--exit-code"];
        arguments.extend(more);
        run(&arguments, variables)
    };
    let trusting = ["--ca", &ca, "--token-env", "SLO_TOKEN"];
    let (status, out, err) = run_report(&trusting, &[token]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("api.error_rate"), "{out}");
    for distrusting in [&["--token-env", "SLO_TOKEN"][..], &["--ca", &other]] {
        let (status, out, err) = run_report(distrusting, &[token]);
        assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
        assert!(err.to_lowercase().contains("certificate"), "{err}");
    }
    let (status, _, err) = run_report(&["--ca", &ca], &[]);
    assert_eq!(status, Some(3), "{err}");
    assert!(err.contains("401") && !err.contains(TOKEN), "{err}");
}

#[tokio::test]
async fn a_service_trusts_the_authority_that_is_configured() {
    let folder = objectives();
    let mut config = Config::new("shop", Role::Api);
    config.slo.directory = folder.path().into();
    let prometheus = &mut config.slo.prometheus;
    prometheus.url = Some(format!("https://{}", encrypted()).parse().unwrap());
    prometheus.token = Some(Secret::new(TOKEN));
    prometheus.ca = Some(certificate_path("ca.pem"));
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let report = wait_for_status(&telemetry, StatusCode::OK).await;
    assert_eq!(report["objectives"][0]["good"], 999);
    telemetry.shutdown().await.unwrap();
}
