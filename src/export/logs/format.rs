//! The format of a log line.

use super::escape::Quoting;

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFormat {
    Json,
    Text,
    /// Text for a terminal that shows colours.
    Coloured,
}

impl LineFormat {
    /// Values that are texts are quoted in both; this is for what stands without quotes in text.
    pub(super) fn quoting(self) -> Quoting {
        match self {
            Self::Json => Quoting::Json,
            Self::Text | Self::Coloured => Quoting::Bare,
        }
    }
}
