//! The class of an error of a call: a bounded word for the label `error.type`.

use std::error::Error;

pub(crate) use crate::record::error_reasons::OTHER;
use crate::record::error_reasons::io_class;

/// The class of a time limit that ran out.
pub(crate) const TIMEOUT: &str = "timeout";

/// The most causes that are looked at: an error of another crate may be its own cause.
const MAX_CAUSES: usize = 32;

/// Failures that HTTP clients tell apart by their texts alone, hyper among them.
const BY_TEXT: [(&str, &str); 2] = [
    ("dns error", "name_resolution"),
    (
        "connection closed before message completed",
        "connection_closed",
    ),
];

/// Returns the class of an error, by the first of its causes that has one: a time limit of tower or tokio, or an
/// error of the system.
pub(crate) fn error_class(error: &(dyn Error + 'static)) -> &'static str {
    let causes = std::iter::successors(Some(error), |&error| cause(error));
    causes.take(MAX_CAUSES).find_map(own_class).unwrap_or(OTHER)
}

/// Returns `true` if an error is that of tower's or tokio's time limit, whatever its causes.
pub(crate) fn is_elapsed(error: &(dyn Error + 'static)) -> bool {
    error.is::<tower::timeout::error::Elapsed>() || error.is::<tokio::time::error::Elapsed>()
}

/// Returns the cause of an error; of an error of the system the one that it was made of, which its `source` skips.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<std::io::Error>();
    match inner.and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn own_class(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if is_elapsed(error) {
        return Some(TIMEOUT);
    }
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return io_class(error.kind());
    }
    let text = error.to_string();
    let known = BY_TEXT.iter().find(|(known, _)| *known == text);
    known.map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Wrapped(#[source] Box<dyn Error + Send + Sync>);

    fn class(error: impl Into<Box<dyn Error + Send + Sync>>) -> &'static str {
        error_class(&Wrapped(Wrapped(error.into()).into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_limit_is_one_wherever_it_ran_out() {
        let limit = std::time::Duration::from_secs(1);
        let elapsed = tokio::time::timeout(limit, std::future::pending::<()>()).await;
        let elapsed = elapsed.unwrap_err();
        assert_eq!(class(elapsed), TIMEOUT);
        assert_eq!(class(tower::timeout::error::Elapsed::new()), TIMEOUT);
        assert_eq!(class(io::Error::from(ErrorKind::TimedOut)), TIMEOUT);
        let hidden = io::Error::other(Wrapped(tower::timeout::error::Elapsed::new().into()));
        assert_eq!(class(hidden), TIMEOUT);
    }

    #[test]
    fn an_error_of_the_system_is_its_kind() {
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        assert_eq!(class(refused), "connection_refused");
        let reset = io::Error::other(io::Error::from(ErrorKind::ConnectionReset));
        assert_eq!(class(reset), "connection_reset");
    }

    #[test]
    fn what_tells_nothing_is_other_and_a_text_is_never_a_class() {
        assert_eq!(class("connection refused by 10.0.0.7"), OTHER);
        assert_eq!(class(io::Error::other("no idea")), OTHER);
        assert_eq!(class("dns error"), "name_resolution");
    }
}
