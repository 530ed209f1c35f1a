//! The way to a destination, for code that speaks to its proxy itself.

use std::env;

use http::uri::Authority;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::{Proxies, is_forwarded, is_supported};

/// In the order in which a message names one: upper case first, as operators write them.
const HTTP_VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const HTTPS_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The proxy that the environment names for a destination.
#[derive(Clone, Debug)]
pub(crate) struct ProxyRoute {
    proxy: Intercept,
    /// The variable that names the proxy.
    pub(crate) variable: &'static str,
    pub(crate) method: ProxyMethod,
}

/// The way in which requests go by a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyMethod {
    /// The proxy reads requests and forwards them.
    Forward,
    /// The proxy opens a tunnel, and sees nothing of what goes through it.
    Tunnel,
    /// The proxy is of another kind, and destinations are reached without it.
    Unsupported,
}

impl ProxyRoute {
    /// Returns the route that the exporter takes to a destination; `None` where no proxy is configured.
    pub(crate) fn find(destination: &Uri, is_grpc: bool) -> Option<Self> {
        let proxy = Proxies::from_env().configured(destination)?;
        let is_http = is_forwarded(destination);
        let variables = match is_http {
            true => HTTP_VARIABLES,
            false => HTTPS_VARIABLES,
        };
        // The matcher says which proxy, and not who named it; so each variable is asked by itself.
        let names_it = |name: &&str| {
            let named = Matcher::builder().all(env::var(name).unwrap_or_default());
            let named = named.build().intercept(destination);
            named.is_some_and(|named| named.uri() == proxy.uri())
        };
        Some(Self {
            variable: variables.into_iter().find(names_it).unwrap_or("ALL_PROXY"),
            method: match is_supported(&proxy) {
                true if is_http && !is_grpc => ProxyMethod::Forward,
                true => ProxyMethod::Tunnel,
                false => ProxyMethod::Unsupported,
            },
            proxy,
        })
    }

    /// Returns the scheme of the proxy's URL, such as `http` or `socks5`.
    pub(crate) fn scheme(&self) -> &str {
        self.proxy.uri().scheme_str().unwrap_or_default()
    }

    pub(crate) fn host(&self) -> &str {
        let host = self.proxy.uri().host().unwrap_or_default();
        // Brackets belong to the URL and not to the address.
        host.trim_matches(['[', ']'])
    }

    pub(crate) fn port(&self) -> u16 {
        self.proxy.uri().port_u16().unwrap_or(80)
    }

    /// Returns host and port as the variable has them, without user and password.
    pub(crate) fn authority(&self) -> &str {
        self.proxy.uri().authority().map_or("", Authority::as_str)
    }

    /// Returns the value of `Proxy-Authorization`, from the user in the variable.
    pub(crate) fn credentials(&self) -> Option<&HeaderValue> {
        self.proxy.basic_auth()
    }
}
