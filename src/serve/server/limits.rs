//! The limits of a connection.

use std::time::Duration;

use crate::config::HttpConfig;

/// The times that a connection may wait for its client. `None`: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionLimits {
    /// For the head of a request: from the accept, later from its first byte, to its end.
    pub(crate) header_timeout: Option<Duration>,
    /// For the body of a request, from the end of its head.
    pub(crate) body_timeout: Option<Duration>,
    /// To take a response, all its waits together.
    pub(crate) write_timeout: Option<Duration>,
    /// To take the next bytes of a response: the rule for one that has no end, such as a stream of events.
    pub(crate) stall_timeout: Option<Duration>,
    /// For the next request.
    pub(crate) idle_timeout: Option<Duration>,
}

impl ConnectionLimits {
    /// Returns the limits of the crate's own server.
    pub(crate) const fn from_config(config: &HttpConfig) -> Self {
        Self {
            header_timeout: Some(config.header_timeout),
            body_timeout: Some(config.body_timeout),
            write_timeout: Some(config.write_timeout),
            // Nothing of its own streams, so that the whole of a response has a limit.
            stall_timeout: None,
            idle_timeout: Some(config.idle_timeout),
        }
    }
}
