//! Errors of a file, by the reaction to them.
//!
//! Errors of redb and of the system are many; what to do about them is one of six things.

use std::io;

/// A call that failed.
#[derive(Debug)]
pub(super) enum FileError {
    /// The contents of the file cannot have been written so.
    Corrupted(String),
    /// Another process has it open.
    InUse,
    /// A later release wrote it.
    NewerSchema(u64),
    /// A development state before the first release wrote it.
    OlderSchema(u64),
    /// The disk, and not the file: full, read-only, gone.
    Io(io::Error),
    /// The file is fine, and what was asked of it is not.
    Rejected(String),
}

impl<E: Into<redb::Error>> From<E> for FileError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(message) => Self::Corrupted(message),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::UpgradeRequired(version) => Self::NewerSchema(version.into()),
            // Its beginning is not that of a store.
            redb::Error::Io(error) if is_damage(&error) => Self::Corrupted(error.to_string()),
            redb::Error::Io(error) => Self::Io(error),
            error @ redb::Error::PreviousIo => Self::Io(io::Error::other(error)),
            error if is_foreign_format(&error) => Self::Corrupted(error.to_string()),
            error => Self::Rejected(error.to_string()),
        }
    }
}

/// Returns true for a truncated or foreign file; a disk has other errors.
// The kinds that redb gives to a file whose beginning isn't that of a database, or that is too
// short to be one.
fn is_damage(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::InvalidData || kind == io::ErrorKind::UnexpectedEof
}

/// Returns true for a database of redb whose tables are not ours.
const fn is_foreign_format(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}
