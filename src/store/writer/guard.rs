//! Time limits and panic isolation for calls to a store.
//!
//! A store is code with dependencies of its own, on the one thread that keeps everything: its panic
//! must cost one call and not the thread.

use std::time::Duration;

use tokio::time::timeout;

use crate::background::panic::{self, panic_text};
use crate::store::{StoreError, StoreFuture};

/// Awaits a call; a panic of it becomes an error.
pub(super) async fn catch_panic<T>(call: StoreFuture<'_, T>) -> Result<T, StoreError> {
    panic::catch_panic(call)
        .await
        .unwrap_or_else(|payload| Err(panic_error(panic_text(&*payload))))
}

/// Awaits a call as `catch_panic` does, for at most `limit`.
pub(super) async fn with_timeout<T>(
    call: StoreFuture<'_, T>,
    limit: Duration,
) -> Result<T, StoreError> {
    timeout(limit, catch_panic(call))
        .await
        .unwrap_or_else(|_| Err(timeout_error(limit)))
}

/// Returns a permanent error: where one change makes a store panic, the others are to be tried without it.
fn panic_error(text: &str) -> StoreError {
    StoreError::permanent(format!("the store panicked: {text}"))
}

pub(super) fn timeout_error(limit: Duration) -> StoreError {
    StoreError::transient(format!("the store did not answer within {limit:?}"))
}
