//! Encrypted connections, by the rustls that `https` has too. Cargo.toml says at tokio-rustls why no crate
//! does it.

mod trust;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::PostgresError;
use crate::config::postgres_url::Encryption;

/// The connector of encrypted connections.
#[derive(Clone)]
pub(super) struct PostgresConnector(Arc<ClientConfig>);

/// Returns the connector that the parameters of a URL ask for.
pub(super) fn connector(encryption: &Encryption) -> Result<PostgresConnector, PostgresError> {
    let mut config = trust::client_config(encryption)?;
    // What tells a server without the negotiation of old which protocol follows.
    // PostgreSQL 17 takes TLS without the `SSLRequest` before it, and requires this name then:
    // <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(PostgresConnector(Arc::new(config)))
}

impl<S> MakeTlsConnect<S> for PostgresConnector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = EncryptedStream<S>;
    type TlsConnect = PostgresHandshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<PostgresHandshake, io::Error> {
        Ok(PostgresHandshake {
            // A socket of the same machine has no host, and is not encrypted.
            // Kept as an absence: the driver asks for a connector before it knows whether it will
            // need one.
            host: ServerName::try_from(host.to_owned()).ok(),
            connector: TlsConnector::from(Arc::clone(&self.0)),
        })
    }
}

/// A handshake with one host.
pub(super) struct PostgresHandshake {
    host: Option<ServerName<'static>>,
    connector: TlsConnector,
}

impl<S> TlsConnect<S> for PostgresHandshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = EncryptedStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<EncryptedStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let host = self.host.ok_or_else(|| {
                io::Error::other("the host is not a name that a certificate can have")
            })?;
            Ok(EncryptedStream(self.connector.connect(host, stream).await?))
        })
    }
}

/// An encrypted connection.
pub(super) struct EncryptedStream<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for EncryptedStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // Channel binding needs the server's certificate hash in SCRAM; without it SCRAM works as
        // well, and the certificate is verified by the mode.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for EncryptedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for EncryptedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
