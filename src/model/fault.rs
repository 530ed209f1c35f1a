//! The fault of a JSON value: its place, what was found, what is allowed; and lists of faults, which are bounded
//! wherever a person reads them.

use std::fmt;

use serde::Serialize;

/// The maximum number of faults that a message lists.
///
/// Enough to mend; whoever mends them meets the next ones.
pub(crate) const MAX_LISTED: usize = 20;

/// The maximum length of one that is listed, in characters.
const MAX_LISTED_CHARS: usize = 1_000;

/// The faults that a message lists, and the number of those that it leaves out.
pub(crate) fn listed<T>(faults: &[T]) -> (&[T], usize) {
    let listed = faults.len().min(MAX_LISTED);
    (&faults[..listed], faults.len() - listed)
}

/// Writes faults on lines of their own, below a line that says how many they are.
pub(crate) fn write_listed(
    f: &mut fmt::Formatter<'_>,
    faults: &[impl fmt::Display],
) -> fmt::Result {
    let (listed, more) = listed(faults);
    for fault in listed {
        let text = fault.to_string();
        match text.char_indices().nth(MAX_LISTED_CHARS) {
            Some((end, _)) => write!(f, "\n  {}…", &text[..end])?,
            None => write!(f, "\n  {text}")?,
        }
    }
    match more {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

/// One fault of an input.
///
/// Faults are collected and returned together: correcting an input one fault at a time takes as
/// many tries as it has faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The JSON path, such as `$.components.api`; of a request, the name of a parameter.
    pub path: String,
    /// The value found, shortened.
    /// Never a secret: callers mask what stands in fields that may hold one.
    pub found: String,
    /// The accepted values.
    pub allowed: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            found,
            allowed,
        } = self;
        write!(f, "{path}: {found}; allowed: {allowed}")
    }
}
