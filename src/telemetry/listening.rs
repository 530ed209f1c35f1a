//! The outcome of listening at `http.listen`.

use std::net::SocketAddr;

/// The address that is served, and a warning where it is not the configured one.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) warning: Option<String>,
}

#[cfg(feature = "axum")]
impl Listening {
    pub(crate) const fn at(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            warning: None,
        }
    }
}
