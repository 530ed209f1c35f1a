//! The errors of tokio-postgres.

use std::error::Error;

use crate::integrations::sql_state;
use crate::telemetry::Telemetry;

/// Gives errors of tokio-postgres their words, wherever one ends a call or a job.
pub(super) fn classify(telemetry: &Telemetry) {
    telemetry.classify_errors_by_default(|error: &tokio_postgres::Error| {
        error_type(error).unwrap_or("protocol")
    });
}

/// Returns the class of an error of tokio-postgres; `None` for another one.
pub(super) fn error_type(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let error: &tokio_postgres::Error = error.downcast_ref()?;
    let state = error
        .code()
        .map(|state| sql_state::error_type(state.code()));
    state.or_else(|| error.is_closed().then_some("io"))
}
