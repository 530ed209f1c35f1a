//! Rows of a query that is measured while they come.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::Error;

use super::query::fail;
use crate::record::instruments::Query;
use crate::record::sync::lock;

/// The rows of a query, which ends with them.
pub(super) struct MeasuredRows<'e, T> {
    rows: BoxStream<'e, Result<T, Error>>,
    /// `None` once it has ended.
    query: Option<Query>,
    context: opentelemetry::Context,
    /// Since then the caller is busy with a row, for which it did not wait.
    returned_at: Option<Instant>,
}

impl<'e, T> MeasuredRows<'e, T> {
    pub(super) fn new(rows: BoxStream<'e, Result<T, Error>>, query: Query) -> Self {
        Self {
            rows,
            context: query.context(),
            query: Some(query),
            returned_at: None,
        }
    }

    /// Hands each row to `output`, until there is none or the query fails.
    pub(super) async fn forward(mut self, output: &RowOutput<T>) -> Result<(), Error> {
        while let Some(row) = future::poll_fn(|cx| Pin::new(&mut self).poll_next(cx)).await {
            output.hand_over(row?).await;
        }
        Ok(())
    }

    /// Leaves out the time for which the caller was busy.
    fn resume(&mut self) -> bool {
        let returned_at = self.returned_at.take();
        if let (Some(returned_at), Some(query)) = (returned_at, &mut self.query) {
            query.exclude_since(returned_at);
        }
        returned_at.is_some()
    }
}

impl<T> Stream for MeasuredRows<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.resume();
        let attached = self.context.clone().attach();
        let polled = self.rows.as_mut().poll_next(cx);
        drop(attached);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) => self.returned_at = self.query.as_ref().map(Query::now),
            Poll::Ready(Some(Err(error))) => {
                if let Some(query) = self.query.take() {
                    fail(query, error);
                }
            }
            Poll::Ready(None) => {
                if let Some(query) = self.query.take() {
                    query.succeed();
                }
            }
        }
        polled
    }
}

impl<T> Drop for MeasuredRows<'_, T> {
    fn drop(&mut self) {
        // The caller has a row and wants no more. One that waits for a row is cancelled, which a drop records.
        if self.resume()
            && let Some(query) = self.query.take()
        {
            query.succeed();
        }
    }
}

/// A stream that a future fills: rows borrow from their connection, so that both must live in one.
pub(super) struct RowStream<'e, T> {
    future: Option<BoxFuture<'e, Result<(), Error>>>,
    slot: Arc<Mutex<Option<T>>>,
}

/// The side of a [`RowStream`] that its future writes to.
pub(super) struct RowOutput<T>(Arc<Mutex<Option<T>>>);

impl<'e, T: Send + 'e> RowStream<'e, T> {
    pub(super) fn new<F>(fill: impl FnOnce(RowOutput<T>) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'e,
    {
        let slot = Arc::default();
        let future = fill(RowOutput(Arc::clone(&slot)));
        Self {
            future: Some(Box::pin(future)),
            slot,
        }
    }
}

impl<T> RowOutput<T> {
    /// Gives a row to the reader of the stream, and waits until it asks for the next one.
    async fn hand_over(&self, row: T) {
        *lock(&self.0) = Some(row);
        let mut is_read = false;
        // No waker is kept: the stream answers at once with the row, so that its reader comes again by itself.
        future::poll_fn(|_| {
            if std::mem::replace(&mut is_read, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl<T> Stream for RowStream<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let polled = future.as_mut().poll(cx);
        if let Poll::Ready(result) = polled {
            self.future = None;
            return Poll::Ready(result.err().map(Err));
        }
        match lock(&self.slot).take() {
            Some(row) => Poll::Ready(Some(Ok(row))),
            None => Poll::Pending,
        }
    }
}
