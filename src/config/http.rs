//! The HTTP server that the crate runs itself.

use std::net::SocketAddr;

use super::setting::section;

section! {
    /// A server for processes that have none, so that they can be scraped and probed.
    pub struct HttpConfig {
        /// The address to listen on. Default: none, and no server is started; an API merges the
        /// routes into its own. Port 0, any free one, is for code alone: nobody could scrape what a
        /// file asks for.
        pub listen: Option<SocketAddr>;
    }
}
