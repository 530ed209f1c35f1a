//! Why something could not be written down.

use std::fmt;

/// Why something could not be written down.
#[derive(Debug)]
#[non_exhaustive]
pub enum IncidentError {
    /// What was written has faults: whoever wrote it is at fault, and finds all of them here.
    Faults(Vec<IncidentFault>),
    /// There is no incident or maintenance of this id. Its id was mistyped, or it was over so long ago
    /// that it is forgotten.
    Unknown,
    /// Others were writing to the same one all the time. Nothing was written: try again.
    Busy,
    /// The store did not take it, or did not say whether it did. Look whether it is there, and try
    /// again.
    Away,
    /// This process shows no status: its roles are neither `api` nor `web`.
    Off,
}

/// One thing that is wrong with what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncidentFault {
    /// The JSON path, such as `$.components.api`.
    pub path: String,
    /// What stands there, shortened.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl fmt::Display for IncidentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => {
                f.write_str("what was written has faults")?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
            Self::Unknown => f.write_str("there is no incident or maintenance of this id"),
            Self::Busy => f.write_str("others write to it all the time; try again"),
            Self::Away => f.write_str("the store is away; try again"),
            Self::Off => f.write_str(
                "this process shows no status, because its roles are neither api nor web",
            ),
        }
    }
}

impl std::error::Error for IncidentError {}

impl fmt::Display for IncidentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            found,
            allowed,
        } = self;
        write!(f, "{path}: {found}; allowed: {allowed}")
    }
}
