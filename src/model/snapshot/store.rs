//! The status of the store.

use std::time::Duration;

use super::private::PrivateText;

/// The status of the store: pending changes, commits, failures.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreStatus {
    /// Changes that no commit has made durable yet.
    pub(crate) pending: u64,
    /// For how long the oldest of them has been waiting.
    pub(crate) oldest_pending: Option<Duration>,
    /// For how long every commit has failed; `None` while the store works.
    /// A single failed commit is retried and not worth a word; a time that grows is.
    pub(crate) failing: Option<Duration>,
    /// The latest failure, whether it is over or not.
    pub(crate) error: Option<PrivateText>,
    /// A notice for operators, such as that a damaged file was set aside.
    pub(crate) notice: Option<PrivateText>,
    /// Commits that were made durable.
    pub(crate) committed: u64,
    /// Commits that failed, each try by itself.
    pub(crate) failed: u64,
    /// Changes that were given up because too many were waiting.
    pub(crate) overflowed: u64,
    /// Changes that the store refused while it took others.
    /// It holds for one change alone, such as a value that the database's encoding can't represent;
    /// without giving it up all later ones would wait behind it.
    pub(crate) refused: u64,
    /// Changes that came after the store was closed.
    pub(crate) after_close: u64,
}
