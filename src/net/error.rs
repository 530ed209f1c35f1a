//! An error with its causes as one line for people.

#[cfg(feature = "tls")]
pub(super) mod certificate;

use std::error::Error;

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

/// Whether one of the causes is a time limit: that of connecting, because answers have theirs
/// elsewhere.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
            || error.is::<tokio::time::error::Elapsed>()
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns the innermost cause, which says most: "connection refused" and not "error sending request".
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string())
}

/// Returns a text from outside as one printable line of at most 200 characters.
pub(crate) fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = printable.take(200).collect();
    line.truncate(line.trim_end().len());
    line
}
