//! The errors of writing incidents and maintenance.
//!
//! Each variant tells its caller what to do: mend the input, give up, or try again.

use std::fmt;

use crate::model::causes::debug_as_text;
use crate::model::fault::Fault;

/// The error of an incident or a maintenance that was not written.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::incidents::{IncidentError, NewIncident};
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let incidents = test.telemetry().incidents();
/// let error = incidents.open_blocking(NewIncident::new("", "Something is wrong.")).unwrap_err();
/// let IncidentError::Faults(faults) = error else { panic!("{error}") };
/// assert_eq!(faults[0].path, "$.title");
/// # }
/// ```
#[non_exhaustive]
pub enum IncidentError {
    /// The input has faults: all of them, for its author.
    Faults(Vec<Fault>),
    /// There is no incident or maintenance of this id. The id was mistyped, or it ended so long ago that it
    /// is deleted.
    Unknown,
    /// Other updates to the same one conflicted each time. Nothing was written: try again.
    Busy,
    /// The store did not accept the write, or did not reply. Check whether it is there, and try again.
    StoreUnavailable,
    /// This process shows no status: its roles are neither `api` nor `web`.
    Disabled,
}
debug_as_text!(IncidentError);

impl fmt::Display for IncidentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => {
                f.write_str("the input has faults")?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
            Self::Unknown => f.write_str("there is no incident or maintenance with this id"),
            Self::Busy => f.write_str("it is being updated by others; try again"),
            Self::StoreUnavailable => f.write_str("the store is not available; try again"),
            Self::Disabled => f.write_str(
                "this process shows no status, because its roles are neither api nor web",
            ),
        }
    }
}

impl std::error::Error for IncidentError {}
