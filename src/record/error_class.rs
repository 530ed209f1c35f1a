//! The class of an error of a call: a bounded word for the label `error.type`.

use std::error::Error;

pub(crate) use crate::record::error_reasons::OTHER;
use crate::record::error_reasons::io_class;

/// The class of a time limit that ran out.
pub(crate) const TIMEOUT: &str = "timeout";

/// The most causes that are looked at: an error of another crate may be its own cause.
const MAX_CAUSES: usize = 32;

/// Failures that clients tell apart by their texts alone.
const BY_TEXT: [(&str, &str); 7] = [
    // hyper-util, and reqwest with a resolver of one's own.
    ("dns error", "name_resolution"),
    ("error resolving DNS", "name_resolution"),
    // hyper
    (
        "connection closed before message completed",
        "connection_closed",
    ),
    ("keep-alive timed out", TIMEOUT),
    // reqwest, and hyper below what has a name.
    ("operation timed out", TIMEOUT),
    // tonic: `Endpoint::timeout` and `Request::set_timeout`.
    ("Timeout expired", TIMEOUT),
    // tower's `load_shed`
    ("service overloaded", "overloaded"),
];

/// The texts that begin with one of these: h2 adds the reason, and what the peer has to say.
const BY_BEGINNING: [(&str, &str); 4] = [
    ("stream error received: ", "stream_reset"),
    ("stream error detected: ", "stream_reset"),
    ("connection error received: ", "connection_closed"),
    ("connection error detected: ", "connection_closed"),
];

/// The text of hyper for a call whose connection has ended with another one's error. Its cause says more, where it has
/// one that is known.
const ENDED: [&str; 2] = ["operation was canceled", "channel closed"];

/// Returns the class of an error, by the first of its causes that has one: a time limit of tower or tokio, an
/// error of the system, or a text that HTTP and gRPC clients are known for.
pub(crate) fn error_class(error: &(dyn Error + 'static)) -> &'static str {
    let causes = || std::iter::successors(Some(error), |&error| cause(error)).take(MAX_CAUSES);
    let ended = || causes().find_map(ended_class);
    let class = causes().find_map(own_class).or_else(ended);
    class.unwrap_or(OTHER)
}

fn ended_class(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let is_ended = ENDED.contains(&error.to_string().as_str());
    is_ended.then_some("connection_closed")
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
    let begins = || {
        let mut known = BY_BEGINNING.iter();
        known.find(|(beginning, _)| text.starts_with(beginning))
    };
    known.or_else(begins).map(|(_, class)| *class)
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
        assert_eq!(class("I said: Timeout expired"), OTHER);
    }

    #[test]
    fn a_text_that_clients_are_known_for_is_a_class() {
        for (text, expected) in [
            ("Timeout expired", TIMEOUT),
            ("operation timed out", TIMEOUT),
            ("keep-alive timed out", TIMEOUT),
            ("error resolving DNS", "name_resolution"),
            ("service overloaded", "overloaded"),
            (
                "stream error received: refused stream before processing any application logic",
                "stream_reset",
            ),
            (
                "connection error received: not a result of an error (b\"max_age of 4711\")",
                "connection_closed",
            ),
            ("operation was canceled", "connection_closed"),
            ("channel closed", "connection_closed"),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn the_cause_of_an_end_says_more_than_the_end() {
        #[derive(Debug, thiserror::Error)]
        #[error("operation was canceled")]
        struct Ended(#[source] Box<dyn Error + Send + Sync>);

        let reset = io::Error::from(ErrorKind::ConnectionReset);
        assert_eq!(class(Ended(reset.into())), "connection_reset");
        assert_eq!(class(Ended("no idea".into())), "connection_closed");
    }
}
