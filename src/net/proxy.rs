//! The proxies that the environment names, with curl's variables and meaning: `http_proxy`, `https_proxy`,
//! `all_proxy` and `no_proxy`, in lower or upper case.
//!
//! A proxy forwards requests of `http` as a whole, and opens a tunnel for `https`, so that it sees neither
//! headers nor bodies there. Unlike curl, which leaves that to `no_proxy`, this host is always reached
//! directly: a collector beside the service is no matter of a proxy. A proxy of another kind, such as socks5,
//! is warned of once and not used, because the variables are shared with programs that know it.

mod connector;
#[cfg(feature = "cli")]
mod route;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::resolver::NameResolver;

pub(crate) use connector::ProxyConnector;
#[cfg(feature = "cli")]
pub(crate) use route::{ProxyMethod, ProxyRoute};

/// Returns a connector for gRPC. To a proxy it always opens a tunnel: few proxies forward HTTP/2.
pub(crate) fn grpc_connector(connect_timeout: Duration) -> ProxyConnector {
    let mut tcp = tcp_connector(connect_timeout);
    tcp.enforce_http(false);
    ProxyConnector {
        tcp,
        proxies: Proxies::from_env(),
        forwards: false,
    }
}

/// Returns a connector for TCP, within a time limit for resolving a name and as much again for connecting.
pub(super) fn tcp_connector(connect_timeout: Duration) -> TcpConnector {
    let mut tcp = TcpConnector::new_with_resolver(NameResolver::new(connect_timeout));
    tcp.set_connect_timeout(Some(connect_timeout));
    // Requests are single writes; waiting for more would only delay them.
    tcp.set_nodelay(true);
    tcp
}

/// A connector for TCP that resolves names by threads of its own.
pub(super) type TcpConnector = HttpConnector<NameResolver>;

/// The proxies of the process. A cheap clone.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Arc<Matcher>);

impl Proxies {
    pub(super) fn from_env() -> Self {
        // Clients are made for each endpoint; the environment is one.
        static WARNED: Once = Once::new();
        let proxies = Self(Arc::new(Matcher::from_env()));
        if let Some(scheme) = proxies.unsupported_scheme() {
            WARNED.call_once(|| {
                tracing::warn!(
                    scheme,
                    "a proxy from the environment is not used: only http proxies are supported"
                );
            });
        }
        proxies
    }

    /// Returns the scheme of a proxy that is configured and can't be used.
    fn unsupported_scheme(&self) -> Option<String> {
        // Destinations that no `no_proxy` names, to see what is configured at all.
        let anywhere = ["http://example.invalid", "https://example.invalid"];
        let destinations = anywhere.map(Uri::from_static).into_iter();
        let proxies = destinations.filter_map(|destination| self.0.intercept(&destination));
        let mut unsupported = proxies.filter(|proxy| !is_supported(proxy));
        unsupported.next()?.uri().scheme_str().map(str::to_owned)
    }

    /// Returns the proxy for a destination; `None` where it is reached directly.
    fn find(&self, destination: &Uri) -> Option<Intercept> {
        self.configured(destination).filter(is_supported)
    }

    /// Returns the proxy that the environment names for a destination, whether it can be used or not.
    fn configured(&self, destination: &Uri) -> Option<Intercept> {
        // A destination without a host has no proxy, and fails when it is connected to.
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

/// Spoken to in clear text, a proxy of another kind would learn the credentials.
fn is_supported(proxy: &Intercept) -> bool {
    proxy.uri().scheme() == Some(&Scheme::HTTP)
}

/// Returns whether the proxy forwards requests for it, instead of opening a tunnel.
fn is_forwarded(destination: &Uri) -> bool {
    destination.scheme() == Some(&Scheme::HTTP)
}

/// Returns whether a host is this one, by name or address.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
