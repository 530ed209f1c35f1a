//! Certificates of encrypted connections.

mod refusal;

use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::proxy::ProxyConnector;
use crate::config::TlsConfig;

use crate::config::certificates::read;
pub(crate) use crate::config::certificates::{config_builder, roots, with_client_certificate};
pub(crate) use refusal::RefusalProbe;

/// A connector for plain and encrypted connections.
pub(super) type Connector = HttpsConnector<ProxyConnector>;

/// Returns the configuration for tonic, which reads certificates itself.
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
    // The connector below makes plain connections for `https` too; TLS comes on top of it.
    connector.tcp.enforce_http(false);
    let config = match tls {
        Some(tls) => client_config(tls)?,
        // Without roots: a plain endpoint never starts a handshake, and reading the system's takes
        // milliseconds.
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

/// Returns the configuration of encrypted connections.
pub(crate) fn client_config(tls: &TlsConfig) -> Result<ClientConfig, String> {
    let roots = roots(tls.ca.as_deref(), "ca in the section of the endpoint")?;
    let builder = config_builder()?.with_root_certificates(roots);
    with_client_certificate(
        builder,
        tls.client_certificate.as_deref(),
        tls.client_key.as_deref(),
    )
}
