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
use vantage_obs::doctor::{Diagnosis, Verdict};

use super::{SETTINGS, examined, fails, http1, step, variables};
use crate::otlp::PROTOCOLS;

fn file(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    PathBuf::from(folder).join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).unwrap()
}

/// Speaks these protocols in TLS, by their ALPN names; asks for a client certificate if `known`.
fn encrypted(ip: &str, spoken: &[&str], known: bool) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let builder = if known {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let mut config = builder
        .with_single_cert(vec![certificate("server.pem")], key)
        .unwrap();
    config.alpn_protocols = spoken.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            let mut asked = [0; 4096];
            let Ok(read) = stream.read(&mut asked) else {
                continue;
            };
            let answer: &[u8] = if asked[..read].starts_with(b"PRI ") {
                SETTINGS
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
fn with_files(url: &str, protocol: Protocol, files: &[(&'static str, &str)]) -> Diagnosis {
    let mut variables = variables(url, protocol);
    variables.truncate(4);
    let paths = files.iter().map(|(variable, name)| (*variable, file(name)));
    variables.extend(paths.map(|(variable, path)| (variable, path.display().to_string())));
    examined(&variables)
}

const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

#[test]
fn a_trusted_certificate_is_well_and_an_untrusted_one_is_told_its_setting() {
    let address = encrypted("127.0.0.1", &["http/1.1"], false);
    let url = format!("https://{address}");
    let right = with_files(&url, Protocol::HttpProtobuf, &[(CA, "ca.pem")]);
    assert_eq!(right.failures().count(), 0, "{right:#?}");
    assert_eq!(step(&right, "tls").verdict, Verdict::Ok);

    let none = with_files(&url, Protocol::HttpProtobuf, &[]);
    fails(&none, "tls", &["set otlp.tls.ca to", CA]);
    let wrong = with_files(&url, Protocol::HttpProtobuf, &[(CA, "other-ca.pem")]);
    fails(&wrong, "tls", &["the variable decides otlp.tls.ca"]);
    assert!(step(&wrong, "tls").finding.contains("other-ca.pem"));
}

#[test]
fn a_certificate_for_another_name_is_told_its_names() {
    let address = encrypted("127.0.0.2", &["http/1.1"], false);
    let url = format!("https://{address}");
    let diagnosis = with_files(&url, Protocol::HttpProtobuf, &[(CA, "ca.pem")]);
    let fix = format!(
        "OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:{}",
        address.port()
    );
    fails(&diagnosis, "tls", &[&fix]);
    let finding = step(&diagnosis, "tls").finding;
    assert!(
        finding.contains("not for 127.0.0.2, but for localhost"),
        "{finding}"
    );
}

#[test]
fn a_client_certificate_that_is_asked_for_is_told_its_settings() {
    let address = encrypted("127.0.0.1", &["http/1.1"], true);
    let url = format!("https://{address}");
    let missing = with_files(&url, Protocol::HttpProtobuf, &[(CA, "ca.pem")]);
    let words = ["otlp.tls.client_certificate", "otlp.tls.client_key"];
    fails(&missing, "tls", &words);

    let files = [
        (CA, "ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "client.key"),
    ];
    let shown = with_files(&url, Protocol::HttpProtobuf, &files);
    assert_eq!(shown.failures().count(), 0, "{shown:#?}");
}

#[test]
fn an_encrypted_endpoint_at_a_plain_port_is_told_http() {
    for protocol in PROTOCOLS {
        let address = http1("400 Bad Request");
        let diagnosis = with_files(&format!("https://{address}"), protocol, &[]);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}");
        fails(&diagnosis, "tls", &[&fix]);
    }
}

#[test]
fn a_plain_endpoint_at_a_port_that_only_shakes_hands_is_told_https() {
    for protocol in PROTOCOLS {
        let address = encrypted("127.0.0.1", &["h2", "http/1.1"], false);
        let diagnosis = with_files(&format!("http://{address}"), protocol, &[]);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=https://{address}");
        fails(&diagnosis, "protocol", &[&fix]);
    }
}

#[test]
fn the_protocol_inside_tls_is_told_too() {
    for (spoken, protocol, other) in [
        ("h2", Protocol::HttpProtobuf, "grpc"),
        ("http/1.1", Protocol::Grpc, "http/protobuf"),
    ] {
        let address = encrypted("127.0.0.1", &[spoken], false);
        let diagnosis = with_files(&format!("https://{address}"), protocol, &[(CA, "ca.pem")]);
        fails(&diagnosis, "protocol", &[&format!("PROTOCOL={other}")]);
    }
}
