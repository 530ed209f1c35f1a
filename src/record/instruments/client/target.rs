//! The parts of a URL that a call is described by.

use http::Uri;
use http::uri::Authority;

/// The destination of a call, without user, password and query, where secrets like to hide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTarget<'a> {
    pub(crate) scheme: &'a str,
    /// Empty where none is known.
    pub(crate) host: &'a str,
    /// As it was given; absent is the scheme's own.
    pub(crate) port: Option<u16>,
    pub(crate) path: &'a str,
}

impl<'a> CallTarget<'a> {
    pub(crate) fn from_uri(uri: &'a Uri) -> Self {
        Self {
            scheme: uri.scheme_str().unwrap_or("http"),
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16(),
            path: uri.path(),
        }
    }

    /// Takes host and port from this authority where the URL has none, as in requests that go straight to a
    /// connection: their `Host` header says them.
    pub(crate) fn or_authority(self, authority: Option<&'a Authority>) -> Self {
        match authority {
            Some(authority) if self.host.is_empty() => Self {
                host: authority.host(),
                port: authority.port_u16(),
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn port(&self) -> u16 {
        let default_port = if self.scheme == "https" { 443 } else { 80 };
        self.port.unwrap_or(default_port)
    }

    pub(super) fn url(&self) -> String {
        let Self {
            scheme, host, path, ..
        } = self;
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}{path}"),
            None => format!("{scheme}://{host}{path}"),
        }
    }
}
