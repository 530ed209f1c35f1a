//! The errors of tokio-postgres.

use std::error::Error;
use std::io;

use super::sql_state;
use crate::model::causes::causes;
use crate::record::error_reasons::ErrorReasons;

/// The text by which a time limit of tokio-postgres is known.
const TIMEOUT_TEXT: &str = "timeout waiting for server";

/// Gives errors of tokio-postgres their words, wherever one ends a call or a job.
pub(super) fn classify(reasons: &ErrorReasons) {
    reasons.classify_by_default(|error: &tokio_postgres::Error| {
        error_type(error).unwrap_or_else(|| client_error_type(error))
    });
}

/// Returns the class of an error that no server has told: its types are private, so its causes tell.
fn client_error_type(error: &tokio_postgres::Error) -> &'static str {
    let mut of_system = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    match of_system.next() {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => "timeout",
        Some(_) => "io",
        // Its own limit has no cause.
        None if error.to_string().starts_with(TIMEOUT_TEXT) => "timeout",
        None => "client_error",
    }
}

/// Returns the class of an error of tokio-postgres; `None` for another one.
pub(crate) fn error_type(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let error: &tokio_postgres::Error = error.downcast_ref()?;
    let state = error
        .code()
        .map(|state| sql_state::error_type(state.code()));
    state.or_else(|| error.is_closed().then_some("io"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_no_server_told_is_none_of_the_protocol() {
        let error = "nonsense".parse::<tokio_postgres::Config>().unwrap_err();
        assert_eq!(client_error_type(&error), "client_error");
    }
}
