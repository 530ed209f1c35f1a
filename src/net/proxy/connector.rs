//! Connections, directly or by way of a proxy.
//!
//! | destination | proxy | the stream |
//! |---|---|---|
//! | any | none | to the destination |
//! | `http` | forwards | to the proxy; requests have absolute URIs |
//! | `https`, or gRPC | tunnels | through the proxy, with TLS inside |

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use super::{Proxies, TcpConnector, is_forwarded};
use crate::net::error::explain;

/// Connects to destinations, by way of their proxies.
#[derive(Clone, Debug)]
pub(crate) struct ProxyConnector {
    pub(in crate::net) tcp: TcpConnector,
    pub(in crate::net) proxies: Proxies,
    /// Proxies forward requests of `http`. Otherwise they open tunnels for them too.
    pub(in crate::net) forwards: bool,
}

/// A connection to a destination, a tunnel to it, or a connection to the proxy that forwards requests.
#[derive(Debug)]
pub(crate) struct ProxyStream {
    tcp: TcpStream,
    /// Requests name the destination, because a proxy reads them.
    is_forwarded: bool,
}

/// The error of a connection by way of a proxy. It holds its cause, so that the proxy is told with it.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy}: {cause}")]
struct ProxyError {
    proxy: Authority,
    cause: String,
}

impl Service<Uri> for ProxyConnector {
    type Response = TokioIo<ProxyStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if let Some(proxy) = self.proxies.find(&destination) {
            // The connector is a few handles, and the future must own one.
            let connector = self.clone();
            return Box::pin(async move {
                let connected = connector.connect_to_proxy(&proxy, destination).await;
                Ok(connected.map_err(|cause| ProxyError::new(&proxy, cause))?)
            });
        }
        let connecting = self.tcp.call(destination);
        Box::pin(async move { Ok(stream(connecting.await?, false)) })
    }
}

impl ProxyConnector {
    async fn connect_to_proxy(
        mut self,
        proxy: &Intercept,
        destination: Uri,
    ) -> Result<TokioIo<ProxyStream>, String> {
        let address = proxy.uri().clone();
        if self.forwards && is_forwarded(&destination) {
            let connected = self.tcp.call(address).await;
            return Ok(stream(connected.map_err(|error| explain(&error))?, true));
        }
        // `CONNECT`, RFC 9110 section 9.3.6.
        let mut tunnel = Tunnel::new(address, self.tcp);
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let connected = tunnel.call(with_port(destination)).await;
        Ok(stream(connected.map_err(|error| explain(&error))?, false))
    }
}

/// Returns a destination of `http` with its port; a tunnel would take that of `https`.
fn with_port(destination: Uri) -> Uri {
    match (destination.scheme_str(), destination.host()) {
        (Some("http"), Some(host)) if destination.port().is_none() => {
            let authority = format!("http://{host}:80/");
            authority.parse().unwrap_or(destination)
        }
        _ => destination,
    }
}

/// Wraps a connection; `is_forwarded` decides how hyper writes the request line.
fn stream(tcp: TokioIo<TcpStream>, is_forwarded: bool) -> TokioIo<ProxyStream> {
    TokioIo::new(ProxyStream {
        tcp: tcp.into_inner(),
        is_forwarded,
    })
}

impl ProxyError {
    fn new(proxy: &Intercept, cause: String) -> Self {
        let proxy = proxy.uri().authority().cloned();
        Self {
            proxy: proxy.unwrap_or_else(|| Authority::from_static("?")),
            cause,
        }
    }
}

impl Connection for ProxyStream {
    fn connected(&self) -> Connected {
        // hyper writes absolute URIs for a connection that is marked as a proxy's.
        self.tcp.connected().proxy(self.is_forwarded)
    }
}

impl AsyncRead for ProxyStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for ProxyStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(context)
    }
}
