//! `https` endpoints: whom we trust, and who trusts us. The certificates are made by
//! `certs/remake`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use vantage_obs::FlushError;
use vantage_obs::config::{Environment, Protocol, TelemetrySignal};
use vantage_obs::{Config, Telemetry};

use super::receiver::{Behaviour, Receiver};
use super::{PROTOCOLS, config, make_spans, start};

const WANTS_A_CERTIFICATE: &str =
    "the receiver requires a client certificate (otlp.tls.client_certificate)";

fn certificate(name: &str) -> PathBuf {
    let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    PathBuf::from(certificates).join(name)
}

/// Whether a client has to show a certificate of the authority.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clients {
    Any,
    Known,
}

/// When a client hears that its certificate is missing.
#[derive(Clone, Copy, Debug, Default)]
struct RefusalTiming {
    /// The time from the server's part of the handshake until it reads on.
    late: Duration,
    /// The time from the alert until the connection is closed, with what was sent over it unread.
    open: Duration,
}

/// Takes the encryption off and passes the rest on to a receiver.
struct Encrypted {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Encrypted {
    fn before(receiver: &Receiver, clients: Clients) -> Self {
        Self::with_timing(receiver, clients, RefusalTiming::default())
    }

    fn with_timing(receiver: &Receiver, clients: Clients, timing: RefusalTiming) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(clients)));
        let behind = receiver.address();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let near = DelayedStream::new(near, timing.late);
                    let mut near = match acceptor.accept(near).into_fallible().await {
                        Ok(near) => near,
                        Err((_, refused)) => {
                            tokio::time::sleep(timing.open).await;
                            return drop(refused);
                        }
                    };
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self {
            address,
            runtime: Some(runtime),
        }
    }

    fn config(&self, host: &str, protocol: Protocol) -> Config {
        let mut config = config(&format!("https://{host}:{}", self.address.port()), protocol);
        config.otlp.tls.ca = Some(certificate("ca.pem"));
        config
    }
}

/// Reads nothing for a while after it has written something.
struct DelayedStream {
    stream: TcpStream,
    delay: Duration,
    wait: Option<Pin<Box<Sleep>>>,
}

impl DelayedStream {
    const fn new(stream: TcpStream, delay: Duration) -> Self {
        Self {
            stream,
            delay,
            wait: None,
        }
    }
}

impl AsyncRead for DelayedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for DelayedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.wait.is_none() {
            self.wait = Some(Box::pin(tokio::time::sleep(self.delay)));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn server_config(clients: Clients) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Clients::Any => builder.with_no_client_auth(),
        Clients::Known => {
            let mut roots = RootCertStore::empty();
            roots.add(read(&certificate("ca.pem"))).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    let key = PrivateKeyDer::from_pem_file(certificate("server.key")).unwrap();
    let mut config = builder
        .with_single_cert(vec![read(&certificate("server.pem"))], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn read(file: &std::path::Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

#[tokio::test]
async fn a_receiver_with_a_certificate_of_our_authority_is_spoken_to() {
    for protocol in PROTOCOLS {
        for host in ["localhost", "127.0.0.1"] {
            let receiver = Receiver::start(Behaviour::Accept);
            let encrypted = Encrypted::before(&receiver, Clients::Any);
            let telemetry = start(encrypted.config(host, protocol));
            make_spans(&telemetry, 5);
            telemetry.shutdown().await.unwrap();
            assert_eq!(receiver.spans().len(), 5);
            assert_eq!(receiver.arrivals()[0].protocol, protocol);
        }
    }
}

#[tokio::test]
async fn a_receiver_that_nobody_vouches_for_gets_nothing_and_the_cause_says_so() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let encrypted = Encrypted::before(&receiver, Clients::Any);
        let mut config = encrypted.config("localhost", protocol);
        config.otlp.tls.ca = Some(certificate("other-ca.pem"));
        let telemetry = start(config);
        make_spans(&telemetry, 5);
        let FlushError(report) = telemetry.shutdown().await.unwrap_err();
        let traces = report.signal(TelemetrySignal::Traces).unwrap();
        assert_eq!(traces.left, 5);
        let cause = traces.cause.as_deref().unwrap();
        assert_eq!(
            cause,
            "the receiver's certificate is not signed by a known authority (otlp.tls.ca)"
        );
        assert!(receiver.arrivals().is_empty());
    }
}

#[tokio::test]
async fn a_receiver_that_wants_a_certificate_of_ours_gets_it() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let encrypted = Encrypted::before(&receiver, Clients::Known);
        let mut config = encrypted.config("localhost", protocol);
        let telemetry = start(config.clone());
        make_spans(&telemetry, 5);
        let FlushError(report) = telemetry.shutdown().await.unwrap_err();
        let traces = report.signal(TelemetrySignal::Traces).unwrap();
        assert_eq!(traces.left, 5);
        let cause = traces.cause.as_deref().unwrap();
        assert_eq!(cause, WANTS_A_CERTIFICATE);

        config.otlp.tls.client_certificate = Some(certificate("client.pem"));
        config.otlp.tls.client_key = Some(certificate("client.key"));
        let telemetry = start(config);
        make_spans(&telemetry, 5);
        telemetry.shutdown().await.unwrap();
        assert_eq!(receiver.spans().len(), 5);
    }
}

#[tokio::test]
async fn a_certificate_that_is_missing_is_told_alike_whenever_the_alert_comes() {
    let times = [Duration::ZERO, Duration::from_millis(50)];
    for protocol in PROTOCOLS {
        for timing in times
            .into_iter()
            .flat_map(|late| times.map(|open| RefusalTiming { late, open }))
        {
            let receiver = Receiver::start(Behaviour::Accept);
            let encrypted = Encrypted::with_timing(&receiver, Clients::Known, timing);
            let telemetry = start(encrypted.config("localhost", protocol));
            make_spans(&telemetry, 5);
            let FlushError(report) = telemetry.flush().await.unwrap_err();
            let traces = report.signal(TelemetrySignal::Traces).unwrap();
            let cause = traces.cause.as_deref().unwrap();
            assert_eq!(cause, WANTS_A_CERTIFICATE, "{protocol}, {timing:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_for_another_reason_asks_for_no_certificate() {
    let receiver = Receiver::start(Behaviour::Accept);
    let encrypted = Encrypted::before(&receiver, Clients::Any);
    let config = encrypted.config("localhost", Protocol::Grpc);
    drop(receiver);
    let telemetry = start(config);
    make_spans(&telemetry, 5);
    let FlushError(report) = telemetry.flush().await.unwrap_err();
    let traces = report.signal(TelemetrySignal::Traces).unwrap();
    let cause = traces.cause.as_deref().unwrap();
    assert_ne!(cause, WANTS_A_CERTIFICATE);
}

#[test]
fn a_file_without_a_certificate_or_key_is_an_error_at_init_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    let broken = folder.path().join("broken.pem");
    std::fs::write(&garbage, "not in PEM form").unwrap();
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&broken, text).unwrap();
    let ours = |name: &str| Some(certificate(name));
    for protocol in PROTOCOLS {
        for (ca, certificate, key, named) in [
            (Some(garbage.clone()), None, None, "garbage.pem"),
            (Some(broken.clone()), None, None, "broken.pem"),
            (
                None,
                Some(garbage.clone()),
                ours("client.key"),
                "garbage.pem",
            ),
            (
                None,
                ours("client.pem"),
                Some(garbage.clone()),
                "garbage.pem",
            ),
            (None, ours("client.pem"), ours("server.key"), "server.key"),
        ] {
            let mut config = config("https://localhost:4319", protocol);
            config.otlp.tls.ca = ca.or_else(|| ours("ca.pem"));
            config.otlp.tls.client_certificate = certificate;
            config.otlp.tls.client_key = key;
            let error = Telemetry::without_globals(config, &Environment::empty())
                .expect_err("a file is no good")
                .to_string();
            assert!(error.contains(named), "{protocol}: {error}");
            assert!(error.contains("traces"), "{protocol}: {error}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_a_fault_of_the_configuration() {
    let mut config = config("https://localhost:4319", Protocol::Grpc);
    config.otlp.tls.ca = Some("/nowhere/ca.pem".into());
    let error =
        Telemetry::without_globals(config, &Environment::empty()).expect_err("it is not there");
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}

#[test]
fn the_certificates_of_a_plain_endpoint_are_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "not in PEM form").unwrap();
    for protocol in PROTOCOLS {
        let mut config = config("http://127.0.0.1:9", protocol);
        config.otlp.tls.ca = Some(garbage.clone());
        drop(start(config));
    }
}
