//! An error with its causes as one line for people.

#[cfg(feature = "tls")]
pub(super) mod certificate;

use std::error::Error;

use crate::model::causes::causes;

/// Describes why a connection could not be made, in one line.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> String {
    #[cfg(feature = "tls")]
    if let Some(explained) = certificate::explain(error) {
        return explained.to_owned();
    }
    if is_timeout(error) {
        return "no connection in time".to_owned();
    }
    innermost(error)
}

/// Returns whether one of the causes is a time limit: that of connecting, because answers have theirs
/// elsewhere.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
            || error.is::<tokio::time::error::Elapsed>()
    })
}

/// Returns the innermost cause, which says most: "connection refused" and not "error sending request".
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    one_line(&causes(error).last().unwrap_or(error).to_string())
}

/// Returns a text from outside as one printable line of at most 200 characters.
pub(crate) fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = printable.take(200).collect();
    line.truncate(line.trim_end().len());
    line
}
