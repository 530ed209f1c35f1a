//! The proxies that the environment names, with curl's variables and meaning: `http_proxy`, `https_proxy`,
//! `all_proxy` and `no_proxy`, in lower or upper case.
//!
//! A proxy forwards requests of `http` as a whole, and opens a tunnel for `https`, so that it sees neither
//! headers nor bodies there. Unlike curl, which leaves that to `no_proxy`, this host is always reached
//! directly: a collector beside the service is no matter of a proxy.

mod connector;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

pub(crate) use connector::ProxyConnector;

/// Returns a connector for a destination of gRPC if it has a proxy. It always opens a tunnel: few proxies
/// forward HTTP/2.
pub(crate) fn grpc_proxy_connector(destination: &Uri) -> Option<ProxyConnector> {
    let proxies = Proxies::from_env();
    proxies.find(destination)?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    Some(ProxyConnector {
        tcp,
        proxies,
        forwards: false,
    })
}

/// The proxies of the process. A cheap clone.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Arc<Matcher>);

impl Proxies {
    pub(super) fn from_env() -> Self {
        Self(Arc::new(Matcher::from_env()))
    }

    /// Returns the proxy for a destination; `None` where it is reached directly.
    fn find(&self, destination: &Uri) -> Option<Intercept> {
        let is_local = is_loopback(destination.host()?);
        self.0.intercept(destination).filter(|_| !is_local)
    }

    /// Returns the credentials that a request brings to the proxy that forwards it. For a tunnel, the
    /// connector brings them.
    pub(super) fn credentials(&self, destination: &Uri) -> Option<HeaderValue> {
        let proxy = self.find(destination).filter(|_| is_forwarded(destination));
        proxy?.basic_auth().cloned()
    }
}

fn is_forwarded(destination: &Uri) -> bool {
    destination.scheme() == Some(&Scheme::HTTP)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
