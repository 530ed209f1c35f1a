//! The HTTP server that the crate runs itself.

use std::net::SocketAddr;

use serde::Serialize;

use super::reader::SectionReader;

/// A server for processes that have none, so that they can be scraped and probed.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The address to listen on. Default: none, and no server is started; an API merges the
    /// routes into its own. Port 0, any free one, is for code alone: nobody could scrape what a
    /// file asks for.
    pub listen: Option<SocketAddr>,
}

impl HttpConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("listen", &mut self.listen);
    }
}
