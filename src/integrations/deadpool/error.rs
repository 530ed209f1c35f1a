use std::error::Error;
use std::io;

use deadpool::managed::{HookError, PoolError, TimeoutType};

use super::tokio_postgres;
use crate::integrations::pool::AcquireError;
use crate::model::causes::causes;

impl<E: Error + 'static> AcquireError for PoolError<E> {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Timeout(TimeoutType::Wait) => "pool_timed_out",
            Self::Timeout(TimeoutType::Create) => "connect_timed_out",
            Self::Timeout(TimeoutType::Recycle) => "recycle_timed_out",
            Self::Closed => "pool_closed",
            Self::NoRuntimeSpecified => "configuration",
            Self::Backend(error) | Self::PostCreateHook(HookError::Backend(error)) => {
                backend_error_type(error)
            }
            Self::PostCreateHook(HookError::Message(_)) => "hook_failed",
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// Returns the class of the error with which a connection could not be made.
pub(super) fn backend_error_type(error: &(dyn Error + 'static)) -> &'static str {
    let known = causes(error).find_map(|cause| {
        let io = || cause.is::<io::Error>().then_some("io");
        tokio_postgres::error_type(cause).or_else(io)
    });
    known.unwrap_or("connect_failed")
}
