//! The development page.

use super::setting::section;

section! {
    /// The development page: recent requests, jobs, traces and log lines of this process, for those who write it.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_DEV_ENABLED", "true")]);
    /// let dev = Config::new("shop", Role::Api).resolve(&environment)?.config.dev;
    /// assert!(dev.enabled);
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct DevConfig {
        /// Serves the development page at `/dev`, to this machine alone: it keeps the latest spans and log lines in
        /// memory, and every trace is kept, whatever `traces.sample_ratio` says. Not for production or a host with a
        /// proxy in front: one that adds no header can't be told from this machine. Default: false, and nothing of
        /// it is there.
        pub enabled: bool;
    }
}
