//! What can go wrong with a file, by what is to be done about it.

use std::io;

/// A call that failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What stands in the file cannot have been written so.
    Damaged(String),
    /// Somebody else has it open.
    InUse,
    /// A later release wrote it.
    Newer(u64),
    /// The disk, and not the file: full, read-only, gone.
    Io(io::Error),
    /// The file is fine, and what was asked of it is not.
    Refused(String),
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::UpgradeRequired(version) => Self::Newer(version.into()),
            // Its beginning is not that of a store.
            redb::Error::Io(error) if is_damage(&error) => Self::Damaged(error.to_string()),
            redb::Error::Io(error) => Self::Io(error),
            error @ redb::Error::PreviousIo => Self::Io(io::Error::other(error)),
            error if is_foreign(&error) => Self::Damaged(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

/// Truncated or foreign; a disk has other words.
fn is_damage(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::InvalidData || kind == io::ErrorKind::UnexpectedEof
}

const fn is_foreign(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}
