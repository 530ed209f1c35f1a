//! The HTTP server that the crate runs itself.
//!
//! A service with a server of its own merges the routes into it and leaves this empty.

use std::net::SocketAddr;

use super::setting::section;

section! {
    /// A server for processes that have none, so that they can be scraped and probed.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_LISTEN", "0.0.0.0:9090")]);
    /// let http = Config::new("vantage-worker", Role::Worker).resolve(&environment)?.config.http;
    /// assert_eq!(http.listen.map(|address| address.port()), Some(9_090));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct HttpConfig {
        /// The address to listen on. Default: none, and no server is started; an API merges the
        /// routes into its own. Port 0 (any free port) can only be set in code, because a scraper could not know it.
        pub listen: Option<SocketAddr>;
    }
}
