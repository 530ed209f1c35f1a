//! A build without encryption.

use hyper_util::client::legacy::connect::HttpConnector;

use crate::config::TlsConfig;

/// A connector for plain connections.
pub(super) type Connector = HttpConnector;

/// The configuration has refused `https` endpoints already.
#[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
pub(super) const fn for_http(
    _: Option<&TlsConfig>,
    connector: HttpConnector,
) -> Result<Connector, String> {
    Ok(connector)
}
