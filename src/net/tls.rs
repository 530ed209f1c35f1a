//! Certificates of encrypted connections.

mod refusal;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::error::innermost;
use super::proxy::ProxyConnector;
use crate::config::TlsConfig;
use crate::model::input_file::read_input_bytes;

pub(crate) use refusal::RefusalProbe;

/// A connector for plain and encrypted connections.
pub(super) type Connector = HttpsConnector<ProxyConnector>;

pub(crate) fn for_grpc(tls: &TlsConfig, timeout: Duration) -> Result<ClientTlsConfig, String> {
    // Judged here, because tonic would only fail at the first connection.
    client_config(tls)?;
    let config = ClientTlsConfig::new().timeout(timeout);
    let config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(read(ca)?)),
        None => config.with_native_roots(),
    };
    Ok(match (&tls.client_certificate, &tls.client_key) {
        (Some(certificate), Some(key)) => {
            config.identity(Identity::from_pem(read(certificate)?, read(key)?))
        }
        _ => config,
    })
}

/// Without certificates for a plain endpoint.
pub(super) fn for_http(
    tls: Option<&TlsConfig>,
    mut connector: ProxyConnector,
) -> Result<Connector, String> {
    connector.tcp.enforce_http(false);
    let config = match tls {
        Some(tls) => client_config(tls)?,
        None => config_builder()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
    };
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
}

/// Begins a configuration. The provider is named, because a process may have two and then rustls refuses
/// to choose.
pub(crate) fn config_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| innermost(&error))
}

/// Returns the configuration of encrypted connections.
pub(crate) fn client_config(tls: &TlsConfig) -> Result<ClientConfig, String> {
    let roots = roots(tls.ca.as_deref(), "otlp.tls.ca")?;
    with_client_certificate(config_builder()?.with_root_certificates(roots), tls)
}

/// Completes a configuration with the client certificate, where there is one.
pub(crate) fn with_client_certificate(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    tls: &TlsConfig,
) -> Result<ClientConfig, String> {
    match (&tls.client_certificate, &tls.client_key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| {
                let (certificate, key) = (certificate.display(), key.display());
                format!("{certificate} and {key}: {}", innermost(&error))
            }),
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Returns the authorities of a file, or the system's. `setting` names the file.
pub(crate) fn roots(ca: Option<&Path>, setting: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(format!(
                "the system knows no certificate authority; set {setting}"
            ));
        }
        return Ok(roots);
    };
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {}", ca.display(), innermost(&error)))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let refused = |reason: String| format!("{}: {reason}", file.display());
    let certificates = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused("there is no certificate in PEM form in it".into()));
    }
    Ok(certificates)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(file)?)
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    read_input_bytes(file).map_err(|error| format!("{}: {error}", file.display()))
}
