//! The fault of a JSON value: its place, what was found, what is allowed.

use std::fmt;

use serde::Serialize;

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
