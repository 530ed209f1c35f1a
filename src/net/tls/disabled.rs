//! A build without encryption.
//!
//! The sibling of `tls.rs` without the feature: types and functions of the same names, so that
//! callers need no `cfg`.

use super::proxy::ProxyConnector;

use crate::config::{Endpoint, TlsConfig};

/// A connector for plain connections.
pub(super) type Connector = ProxyConnector;

/// There is no encrypted connection whose end could be explained.
#[derive(Clone, Debug)]
pub(crate) enum RefusalProbe {}

impl RefusalProbe {
    #[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
    pub(crate) const fn new(_: &Endpoint, _: &TlsConfig) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub(crate) async fn advice(&self) -> Option<&'static str> {
        match *self {}
    }
}

/// The configuration has refused `https` endpoints already.
#[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
pub(super) const fn for_http(
    _: Option<&TlsConfig>,
    connector: ProxyConnector,
) -> Result<Connector, String> {
    Ok(connector)
}
