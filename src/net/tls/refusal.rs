//! The reason why a server closed an encrypted connection.
//!
//! In TLS 1.3 a server says that it wants a certificate after the handshake, when requests are on their
//! way already. Whichever comes first ends the connection: the alert, a request that can't be written,
//! or a reset that leaves the alert unread. A connection without a request has only the alert.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{Endpoint, TlsConfig};
use crate::net::error::certificate;

/// The time for a connection and the server's first word; the failure to be explained waits for it.
///
/// Only a better message depends on it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that shows no certificate and sends no request.
#[derive(Clone, Debug)]
pub(crate) struct RefusalProbe {
    config: Arc<ClientConfig>,
    host: String,
    port: u16,
}

impl RefusalProbe {
    /// Returns the probe of an HTTP/2 server; `None` where a certificate is shown, or nothing encrypted.
    pub(crate) fn new(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Option<Self>, String> {
        if !endpoint.is_https() || tls.client_certificate.is_some() {
            return Ok(None);
        }
        let mut config = super::client_config(tls)?;
        // As the real connection: a server may refuse one without it for another reason.
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(Self {
            config: Arc::new(config),
            host: endpoint.host().trim_matches(['[', ']']).to_owned(),
            port: endpoint.port().unwrap_or(443),
        }))
    }

    /// Returns the setting that the server wants, if it closes this connection too and says why.
    pub(crate) async fn advice(&self) -> Option<&'static str> {
        let error = timeout(PROBE_TIMEOUT, self.connect()).await.ok()?.err()?;
        certificate::explain(&error)
    }

    /// Connects, and waits for the server's first byte: HTTP/2 servers don't wait for ours.
    async fn connect(&self) -> io::Result<()> {
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(name, socket).await?;
        // An HTTP/2 server sends its settings first; one that wants a certificate sends an alert
        // instead.
        stream.read_u8().await.map(drop)
    }
}
