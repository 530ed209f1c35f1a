//! Certificates for `https` endpoints.

mod refusal;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::error::innermost;
use super::proxy::ProxyConnector;
use crate::config::TlsConfig;

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
        None => with_roots(RootCertStore::empty())?.with_no_client_auth(),
    };
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
}

/// The provider is named, because a process may have two and then rustls refuses to choose.
fn with_roots(
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| innermost(&error))?;
    Ok(builder.with_root_certificates(roots))
}

/// Returns the configuration of encrypted connections.
pub(crate) fn client_config(tls: &TlsConfig) -> Result<ClientConfig, String> {
    let builder = with_roots(roots(tls)?)?;
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

fn roots(tls: &TlsConfig) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = &tls.ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system knows no certificate authority; set otlp.tls.ca".into());
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
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}
