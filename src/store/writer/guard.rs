//! Keeps a call to a store from hanging for ever, and its panic from ending anything else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use crate::store::{Answer, StoreError};

/// The answer of a call; an error where it panics.
pub(super) async fn caught<T>(mut call: Answer<'_, T>) -> Result<T, StoreError> {
    poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| call.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

/// The same, by a deadline.
pub(super) async fn bounded<T>(call: Answer<'_, T>, within: Duration) -> Result<T, StoreError> {
    timeout(within, caught(call))
        .await
        .unwrap_or_else(|_| Err(too_late(within)))
}

/// Not passing: where one change makes a store panic, the others are to be tried without it.
fn panicked() -> StoreError {
    StoreError::lasting("the store panicked")
}

pub(super) fn too_late(within: Duration) -> StoreError {
    StoreError::passing(format!("the store did not answer within {within:?}"))
}
