//! A build without PostgreSQL, in which the kind of store is refused before its URL is read.

use std::path::Path;

use super::secret::Secret;

/// A parsed URL, which is never made.
#[derive(Debug)]
pub(super) struct PostgresUrl;

/// The refusal of a URL.
#[derive(Debug)]
pub(super) struct PostgresUrlError {
    pub(super) problem: &'static str,
    pub(super) allowed: &'static str,
}

impl PostgresUrl {
    pub(super) const fn parse(_: &Secret) -> Result<Self, PostgresUrlError> {
        Err(PostgresUrlError {
            problem: "needs a build with PostgreSQL",
            allowed: "it in a build with the crate's `postgres` feature",
        })
    }

    #[expect(clippy::unused_self, reason = "as its sibling with PostgreSQL")]
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::empty()
    }
}
