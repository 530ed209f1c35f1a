//! The queue between the code that records and the thread that exports: nobody ever waits for it.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::metrics::ExportMetrics;

/// The sender of the queue. A cheap clone.
#[derive(Debug)]
pub(super) struct QueueSender<T> {
    sender: Sender<T>,
    /// Wakes the worker; a permit is remembered if it is busy.
    full_batch: Arc<Notify>,
    batch: usize,
    export_metrics: ExportMetrics,
}

/// The receiver of the queue.
#[derive(Debug)]
pub(super) struct QueueReceiver<T> {
    receiver: Receiver<T>,
    full_batch: Arc<Notify>,
    batch: usize,
    export_metrics: ExportMetrics,
}

/// A queue for `size` items, which are taken out `batch` at a time.
pub(super) fn bounded_queue<T>(
    size: usize,
    batch: usize,
    export_metrics: &ExportMetrics,
) -> (QueueSender<T>, QueueReceiver<T>) {
    // Tokio's channel allocates in blocks as it fills: a large bound costs nothing while the queue
    // is short.
    let (sender, receiver) = channel(size);
    let full_batch = Arc::new(Notify::new());
    let queue = QueueSender {
        sender,
        full_batch: Arc::clone(&full_batch),
        batch,
        export_metrics: export_metrics.clone(),
    };
    let receiver = QueueReceiver {
        receiver,
        full_batch,
        batch,
        export_metrics: export_metrics.clone(),
    };
    (queue, receiver)
}

impl<T> QueueSender<T> {
    /// Puts an item in, or drops and counts it. The other side is woken for a whole batch only: a
    /// thread that is woken for each item costs the caller microseconds.
    pub(super) fn push(&self, item: T) {
        match self.sender.try_send(item) {
            Ok(()) if self.len() >= self.batch => self.full_batch.notify_one(),
            Ok(()) => {}
            // The newest is dropped: those that wait are older parts of the same traces.
            Err(TrySendError::Full(_)) => self.export_metrics.record_dropped("queue_full"),
            Err(TrySendError::Closed(_)) => self.export_metrics.record_dropped("shutdown"),
        }
    }

    pub(super) fn len(&self) -> usize {
        // Includes places that are reserved at this moment, so that a batch may be announced a
        // moment early.
        self.sender.max_capacity() - self.sender.capacity()
    }
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            full_batch: Arc::clone(&self.full_batch),
            batch: self.batch,
            export_metrics: self.export_metrics.clone(),
        }
    }
}

impl<T> QueueReceiver<T> {
    /// Ends when a whole batch waits.
    pub(super) async fn full_batch(&self) {
        self.full_batch.notified().await;
    }

    /// Takes a batch at most; `None` when the queue is empty.
    pub(super) fn take_batch(&mut self) -> Option<Vec<T>> {
        let items: Vec<T> = std::iter::from_fn(|| self.receiver.try_recv().ok())
            .take(self.batch)
            .collect();
        self.export_metrics.record_fetched(items.len() as u64);
        (!items.is_empty()).then_some(items)
    }

    /// Closes the queue, and returns the number of items lost with it. After that every further one
    /// counts as dropped.
    pub(super) async fn close(&mut self) -> u64 {
        self.receiver.close();
        let mut lost = 0;
        // Also waits for those that are on their way in.
        while self.receiver.recv().await.is_some() {
            lost += 1;
        }
        self.export_metrics.record_processed(lost, "shutdown");
        lost
    }

    /// Returns the number of items in the queue.
    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(super) const fn batch(&self) -> usize {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::config::{Protocol, TelemetrySignal};
    use crate::record::series::Instruments;

    fn export_metrics() -> ExportMetrics {
        let instruments = Instruments::noop();
        ExportMetrics::new(&instruments, TelemetrySignal::Traces, Protocol::Grpc)
    }

    #[tokio::test]
    async fn an_item_that_finds_the_queue_full_or_closed_is_dropped_and_counted() {
        let export_metrics = export_metrics();
        let (sender, mut receiver) = bounded_queue(3, 2, &export_metrics);
        (0..5).for_each(|item| sender.push(item));
        assert_eq!((sender.len(), export_metrics.counts().dropped), (3, 2));
        assert_eq!(receiver.take_batch(), Some(vec![0, 1]));
        assert_eq!(export_metrics.counts().in_flight(), 2);
        assert_eq!(receiver.close().await, 1);
        sender.push(5);
        assert_eq!((sender.len(), export_metrics.counts().dropped), (0, 3));
        assert_eq!(receiver.take_batch(), None);
    }

    #[tokio::test]
    async fn every_item_is_counted_once_however_the_end_comes() {
        const EACH: u64 = 20_000;
        for _ in 0..10 {
            let export_metrics = export_metrics();
            let (sender, mut receiver) = bounded_queue(100, 10, &export_metrics);
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || (0..EACH).for_each(|item| sender.push(item)))
                })
                .collect();
            for _ in 0..100 {
                receiver.take_batch();
            }
            let left = receiver.close().await;
            threads
                .into_iter()
                .for_each(|pushing| pushing.join().unwrap());
            let counts = export_metrics.counts();
            assert_eq!(counts.fetched + counts.dropped + left, 4 * EACH);
        }
    }
}
