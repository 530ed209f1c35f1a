//! The fault of a JSON value: its place, what was found, what is allowed.

use serde::Serialize;

/// A value that a reader refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The JSON path, such as `$.progress.in_flight`; of a request, the name of a parameter.
    pub(crate) path: String,
    /// The value as found, shortened.
    pub(crate) found: String,
    /// The accepted values.
    pub(crate) allowed: String,
}
