//! The HTTP server that the crate runs itself.
//!
//! A service with a server of its own merges the routes into it and leaves this empty.

use std::net::SocketAddr;
use std::time::Duration;

use super::checks::{range, up_to_a_day};
use super::setting::section;
use super::validator::ConfigValidator;
use crate::model::url_parts::parse_prefix;

/// The times that a server may give a client: a shorter one cuts off honest ones, and a longer one is none.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3_600));

/// The most connections that can be asked for; the process's descriptors are a limit of their own.
const MAX_CONNECTIONS: usize = 65_536;

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
        /// The path below which all routes of the SDK are, such as `/ops`, so that a service has the paths
        /// `/status` and `/metrics` for itself: plain characters, at most 255. Default: none. Links follow it; so do
        /// `metrics.prometheus.path` and the scrape configuration that `generate` writes.
        pub prefix: String, plain_prefix;
        /// The time that a client has for the head of a request, from its connection or, later, from its first byte:
        /// 100 ms to 1 h. Default: 10 s.
        pub header_timeout: Duration = Duration::from_secs(10), timeout;
        /// The time that it has for the body of a request, answered by 408 when it is over: 100 ms to 1 h. Default:
        /// 30 s.
        pub body_timeout: Duration = Duration::from_secs(30), timeout;
        /// The time that a response may wait for its client, all waits together: 100 ms to 1 h. Default: 30 s.
        pub write_timeout: Duration = Duration::from_secs(30), timeout;
        /// The time that a connection is kept for the next request: 100 ms to 1 h. Default: 60 s, which is longer than
        /// the interval of most scrapers.
        pub idle_timeout: Duration = Duration::from_secs(60), timeout;
        /// The most connections at a time, of all servers of the crate together: 1 to 65,536, and at most a quarter
        /// of the file descriptors that the process may open. Beyond it those make room that wait for their client
        /// the longest, so that a probe is answered. Default: 256.
        pub max_connections: usize = 256, range(1..=MAX_CONNECTIONS);
        /// The time that `serve_app` gives to requests in flight and to the last scrape, after
        /// `health.shutdown_delay`: more than 0, at most a day. What is not finished by then is cut off.
        /// Default: 15 s on Kubernetes (where `KUBERNETES_SERVICE_HOST` is set), else 5 s, because Docker
        /// kills after 10 s.
        pub shutdown_timeout: Duration = Duration::from_secs(5), up_to_a_day;
    }
}

/// Requires a path whose segments a router takes for text.
fn plain_prefix(value: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let fine = value.chars().all(plain) && parse_prefix(value).is_some();
    let allowed = "\"\" or a path such as \"/ops\": it starts with / and has plain characters";
    validator.require(fine, path, format!("{value:?}"), allowed);
}

impl HttpConfig {
    /// Returns the prefix without a slash at its end; empty where there is none.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.trim_end_matches('/')
    }
}

fn timeout(value: &Duration, path: &str, validator: &mut ConfigValidator<'_>) {
    range(TIMEOUTS.0..=TIMEOUTS.1)(value, path, validator);
}
