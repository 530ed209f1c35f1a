//! The outcome of listening at `http.listen`.

use std::net::SocketAddr;

/// The address that is served, and warnings where it or its limits are not the configured ones.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) warnings: Vec<String>,
}
