//! An error with its causes as one line for people.
//!
//! Errors of HTTP clients are onions: "error sending request", around "connect error", around "tcp
//! connect error", around the one line that an operator needs. That innermost line is what is
//! shown.

#[cfg(feature = "tls")]
pub(super) mod certificate;

use std::error::Error;

use crate::model::causes::causes;
pub(crate) use crate::model::causes::one_line;

/// Describes why a connection could not be made, in one line.
///
/// Known causes come first, because their own words name no setting.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> String {
    #[cfg(feature = "tls")]
    // Before the time limit: a refused certificate may end in one.
    if let Some(explained) = certificate::explain(error) {
        return explained.to_owned();
    }
    if is_timeout(error) {
        return "no connection within the time limit".to_owned();
    }
    innermost(error)
}

/// Returns whether one of the causes is a time limit: that of connecting, because answers have theirs
/// elsewhere.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| {
        let io = error.downcast_ref::<std::io::Error>();
        // Both are there: hyper's connector reports the system's error, tokio's timers their own.
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
            || error.is::<tokio::time::error::Elapsed>()
    })
}

/// Returns the innermost cause, which says most: "connection refused" and not "error sending request".
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    one_line(&causes(error).last().unwrap_or(error).to_string())
}
