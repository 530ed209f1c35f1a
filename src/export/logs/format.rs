//! The format of a log line.

use super::escape::Quoting;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Text,
    /// Text for a terminal that shows colours.
    Coloured,
}

impl Form {
    pub(super) fn quoting(self) -> Quoting {
        match self {
            Self::Json => Quoting::Json,
            Self::Text | Self::Coloured => Quoting::Bare,
        }
    }
}
