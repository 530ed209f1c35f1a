//! Points in time as programs read them.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A time as RFC 3339 in UTC with exactly three decimals, which every client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rfc3339Millis(pub(super) Timestamp);

impl fmt::Display for Rfc3339Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Always three, because some clients parse a fixed form.
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Rfc3339Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
