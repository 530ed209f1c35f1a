//! Encrypted receivers, with the certificates of the OTLP tests.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use vantage_obs::config::Protocol;
use vantage_obs::doctor::{Diagnosis, StepVerdict};

use super::{
    HTTP2_SETTINGS_FRAME, assert_only_failure, diagnose_variables, receiver_step, serve_http1,
    variables,
};
use crate::otlp::PROTOCOLS;

fn certificate_path(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    PathBuf::from(folder).join(name)
}

fn read_certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(certificate_path(name)).unwrap()
}

/// Speaks these protocols in TLS, by their ALPN names; requires a client certificate if `requires_client`.
fn serve_tls(ip: &str, alpn: &[&str], requires_client: bool) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read_certificate("ca.pem")).unwrap();
    let builder = if requires_client {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(certificate_path("server.key")).unwrap();
    let mut config = builder
        .with_single_cert(vec![read_certificate("server.pem")], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            let mut request = [0; 4096];
            let Ok(read) = stream.read(&mut request) else {
                continue;
            };
            let answer: &[u8] = if request[..read].starts_with(b"PRI ") {
                HTTP2_SETTINGS_FRAME
            } else {
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            };
            let _ = stream.write_all(answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

/// Spans alone are pushed, to this URL, with these files.
fn diagnose_with_files(url: &str, protocol: Protocol, files: &[(&'static str, &str)]) -> Diagnosis {
    let mut variables = variables(url, protocol);
    variables.truncate(4);
    let paths = files
        .iter()
        .map(|(variable, name)| (*variable, certificate_path(name)));
    variables.extend(paths.map(|(variable, path)| (variable, path.display().to_string())));
    diagnose_variables(&variables)
}

const CA_VARIABLE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

#[test]
fn a_trusted_certificate_passes_and_an_untrusted_one_gets_its_setting_as_fix() {
    let address = serve_tls("127.0.0.1", &["http/1.1"], false);
    let url = format!("https://{address}");
    let right = diagnose_with_files(&url, Protocol::HttpProtobuf, &[(CA_VARIABLE, "ca.pem")]);
    assert_eq!(right.failures().count(), 0, "{right:#?}");
    assert_eq!(receiver_step(&right, "tls").verdict, StepVerdict::Ok);

    let none = diagnose_with_files(&url, Protocol::HttpProtobuf, &[]);
    assert_only_failure(&none, "tls", &["set otlp.tls.ca to", CA_VARIABLE]);
    let wrong = diagnose_with_files(
        &url,
        Protocol::HttpProtobuf,
        &[(CA_VARIABLE, "other-ca.pem")],
    );
    assert_only_failure(&wrong, "tls", &["the variable decides otlp.tls.ca"]);
    assert!(
        receiver_step(&wrong, "tls")
            .finding
            .contains("other-ca.pem")
    );
}

#[test]
fn a_certificate_for_another_name_gets_its_names_as_fix() {
    let address = serve_tls("127.0.0.2", &["http/1.1"], false);
    let url = format!("https://{address}");
    let diagnosis = diagnose_with_files(&url, Protocol::HttpProtobuf, &[(CA_VARIABLE, "ca.pem")]);
    let fix = format!(
        "OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:{}",
        address.port()
    );
    assert_only_failure(&diagnosis, "tls", &[&fix]);
    let finding = receiver_step(&diagnosis, "tls").finding;
    assert!(
        finding.contains("not for 127.0.0.2, but for localhost"),
        "{finding}"
    );
}

#[test]
fn a_required_client_certificate_gets_its_settings_as_fix() {
    let address = serve_tls("127.0.0.1", &["http/1.1"], true);
    let url = format!("https://{address}");
    let missing = diagnose_with_files(&url, Protocol::HttpProtobuf, &[(CA_VARIABLE, "ca.pem")]);
    let words = ["otlp.tls.client_certificate", "otlp.tls.client_key"];
    assert_only_failure(&missing, "tls", &words);

    let files = [
        (CA_VARIABLE, "ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "client.key"),
    ];
    let shown = diagnose_with_files(&url, Protocol::HttpProtobuf, &files);
    assert_eq!(shown.failures().count(), 0, "{shown:#?}");
}

#[test]
fn an_encrypted_endpoint_at_a_plain_port_gets_http_as_fix() {
    for protocol in PROTOCOLS {
        let address = serve_http1("400 Bad Request");
        let diagnosis = diagnose_with_files(&format!("https://{address}"), protocol, &[]);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}");
        assert_only_failure(&diagnosis, "tls", &[&fix]);
    }
}

#[test]
fn a_plain_endpoint_at_a_tls_port_gets_https_as_fix() {
    for protocol in PROTOCOLS {
        let address = serve_tls("127.0.0.1", &["h2", "http/1.1"], false);
        let diagnosis = diagnose_with_files(&format!("http://{address}"), protocol, &[]);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=https://{address}");
        assert_only_failure(&diagnosis, "protocol", &[&fix]);
    }
}

#[test]
fn the_protocol_inside_tls_is_reported_too() {
    for (alpn, protocol, other) in [
        ("h2", Protocol::HttpProtobuf, "grpc"),
        ("http/1.1", Protocol::Grpc, "http/protobuf"),
    ] {
        let address = serve_tls("127.0.0.1", &[alpn], false);
        let diagnosis = diagnose_with_files(
            &format!("https://{address}"),
            protocol,
            &[(CA_VARIABLE, "ca.pem")],
        );
        assert_only_failure(&diagnosis, "protocol", &[&format!("PROTOCOL={other}")]);
    }
}
